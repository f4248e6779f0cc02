"""Rollups of days as a plot draws them."""

from __future__ import annotations

import math
from collections import Counter
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from atlas_otel.ui.numbers import COLUMNS, groups, percentile

DAYS = [date(2026, 1, 1), date(2026, 1, 2)]


def _bucket(seconds: float) -> int:
    """As ``atlas_otel.time_bucket`` has it."""
    return 0 if seconds <= 0.001 else min(math.ceil(4 * math.log2(seconds / 0.001)), 160)


def _row(day: date, name: str | None, sessions: int) -> tuple[object, ...]:
    held = {**dict.fromkeys(COLUMNS, 0), "day": day, "name": name, "sessions": sessions, "buckets": {"4": sessions}}
    return tuple({**held, "cost_usd": None, "calls": None, "failed_calls": None}.values())


@given(st.lists(st.floats(0.001, 3600), min_size=1, max_size=200), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_percentile_is_within_a_tenth(times: list[float], share: float) -> None:
    exact = sorted(times)[math.ceil(share * len(times)) - 1]
    found = percentile(Counter(map(_bucket, times)), share)
    assert found is not None
    assert abs(found - exact) <= 0.1 * exact + 1e-6


def test_nothing_counted_has_no_percentile() -> None:
    assert percentile({}, 0.5) is None


@given(st.lists(st.tuples(st.sampled_from(DAYS), st.sampled_from([*"abcdef", None]), st.integers(1, 9)), max_size=30))
def test_no_session_is_lost_however_few_groups_are_shown(rows: list[tuple[date, str | None, int]]) -> None:
    for most in (1, 3, 50):
        found = groups([_row(*one) for one in rows], DAYS, most)
        for place, day in enumerate(DAYS):
            assert sum(one.sessions[place] for one in found) == sum(count for at, _, count in rows if at == day)
        assert sum(one.rest for one in found) <= 1
        assert len(found) <= most + 1

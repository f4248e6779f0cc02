"""docs/scaling.md: its arithmetic, and that its tables are those that the figures kept beside the script give."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.scaling import figures
from benchmarks.scaling.page import PAGE, written
from benchmarks.scaling.sizing import GIB, Inputs, carried, per_million, tiers

ROUND = replace(
    figures.load(),
    spans_a_session=10,
    gzip_bytes=GIB / 8640,
    collector_us=100,
    jaeger_us=50,
    collect_us=200,
    postgres_us=400,
    kafka_us=10,
    record_bytes=GIB / 8640,
    contract_bytes=GIB / 4320,
    line_gzip_bytes=GIB / 8640,
    badger_bytes=GIB / 864,
)
"""With 864 sessions a day: 8,640 spans a day, 0.1 a second."""
ASSUMED = Inputs(
    peak=10, busy=0.5, record_days=2, contract_days=3, jaeger_days=1, kafka_days=5, core_month=1000,
    disk_gib_month=1, lines_days=7, object_gib_month=0.5,
)  # fmt: skip


def test_the_page_is_what_the_figures_give() -> None:
    page = PAGE.read_text("utf-8")
    assert written(page, figures.load()) == page, "run: python -m benchmarks.scaling"


def test_a_page_without_a_place_for_a_table_is_said() -> None:
    with pytest.raises(ValueError, match="measured"):
        written("# nothing", figures.load())


def test_the_arithmetic_by_hand() -> None:
    found = {tier.name: tier for tier in tiers(ROUND, ASSUMED, 864, kafka=True)}
    assert {round(tier.spans_s, 9) for tier in found.values()} == {1.0}
    postgres = found["Postgres"]
    assert postgres.cores == pytest.approx(400e-6 / 0.5)
    assert postgres.gib_day == pytest.approx(2 * (1 + 2)), "a primary and a standby"
    assert postgres.gib == pytest.approx(2 * (1 * 2 + 2 * 3))
    assert postgres.month == pytest.approx(postgres.cores * 1000 + 16)
    assert found["Kafka"].gib == pytest.approx(3 * 5)
    assert found["Kafka"].cores == pytest.approx(3 * 10e-6 / 0.5)
    assert found["Jaeger"].gib == pytest.approx(10)
    assert found["exported lines"].month == pytest.approx(7 * 0.5)
    million = per_million(list(found.values()), 864)
    assert million == pytest.approx(sum(tier.month for tier in found.values()) / (864 * 30 / 1e6))
    assert carried(400, ASSUMED, 2) == pytest.approx(2500)


@given(
    sessions=st.integers(1, 10**8),
    times=st.integers(2, 100),
    kafka=st.booleans(),
    sampled=st.floats(0, 1),
)
def test_needs_grow_with_sessions_and_the_price_of_one_stays(
    sessions: int, times: int, kafka: bool, sampled: float
) -> None:
    inputs = replace(Inputs(), sampled=sampled)
    few = tiers(figures.load(), inputs, sessions, kafka=kafka)
    many = tiers(figures.load(), inputs, sessions * times, kafka=kafka)
    for one, more in zip(few, many, strict=True):
        assert (more.cores, more.gib, more.month) == pytest.approx(
            (one.cores * times, one.gib * times, one.month * times)
        )
    assert per_million(many, sessions * times) == pytest.approx(per_million(few, sessions))


def test_figures_are_read_as_they_were_kept(tmp_path: Path) -> None:
    path = tmp_path / "measured.json"
    figures.save(ROUND, path)
    assert figures.load(path) == ROUND

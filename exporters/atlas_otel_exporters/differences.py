"""Whether records, rows and an exported file say the same: each difference by name. Pure."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from atlas_otel.models.rows import SessionRow, SessionRows

_REVIEWERS = frozenset({"review_status", "review_notes"})
"""Columns of ``sessions`` that belong to whoever reviews."""
_SHOWN = 120
_SORTED = orjson.OPT_SORT_KEYS


class Difference(NamedTuple):
    """One place where two of them disagree. ``expected`` is what the earlier of the two comes to.

    Both are JSON text, the beginning of it where it is long, or a word for what is there and is not.
    """

    session: str
    place: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.session}: {self.place}: expected {self.expected}, found {self.found}"


def compare_rows(session: str, expected: SessionRows | None, found: SessionRows | None) -> Iterator[Difference]:
    """What the records come to, against the rows that are stored; review columns are the reviewers'."""
    if expected is None or found is None:
        if expected is not found:
            yield Difference(session, "rows", _there(expected, "rows"), _there(found, "rows"))
        return
    yield from _session(session, expected.session, found.session)
    yield from compare_json(session, "plan", expected.plan, found.plan)
    pairs = (
        ("step_results", {s.step_id: s for s in expected.steps}, {s.step_id: s for s in found.steps}),
        (
            "step_attempts",
            {(a.step_id, a.attempt): a for a in expected.attempts},
            {(a.step_id, a.attempt): a for a in found.attempts},
        ),
        (
            "guidance_notes",
            {(g.step_id, g.sequence): g for g in expected.guidance},
            {(g.step_id, g.sequence): g for g in found.guidance},
        ),
    )
    for table, wanted, held in pairs:
        for key in sorted({*wanted, *held}, key=str):
            one, other = wanted.get(key), held.get(key)
            if one is None or other is None:
                yield Difference(session, f"{table} {key}", _there(one, "a row"), _there(other, "a row"))
                continue
            for column in fields(one):
                values = getattr(one, column.name), getattr(other, column.name)
                yield from compare_json(session, f"{table} {key}.{column.name}", *values)
    yield from _events(session, expected, found)


def _session(session: str, expected: SessionRow, found: SessionRow) -> Iterator[Difference]:
    for column in fields(expected):
        if column.name not in _REVIEWERS:
            values = getattr(expected, column.name), getattr(found, column.name)
            yield from compare_json(session, f"sessions.{column.name}", *values)


def _events(session: str, expected: SessionRows, found: SessionRows) -> Iterator[Difference]:
    wanted, held = [(e.time_ns, e.key) for e in expected.events], [(e.time_ns, e.key) for e in found.events]
    if wanted != held:
        missing, extra = set(wanted) - set(held), set(held) - set(wanted)
        what = f"{len(wanted)} events"
        told = (
            f"{len(held)} events ({len(missing)} missing, {len(extra)} extra)" if missing or extra else "another order"
        )
        yield Difference(session, "trajectory_events", what, told)
        return
    for one, other in zip(expected.events, found.events, strict=True):
        if one.event != other.event:
            values = orjson.loads(one.event), orjson.loads(other.event)
            # jsonb has another order of keys: the same text once they are sorted is quickly found out, and is equal.
            texts = [_sorted(value) for value in values]
            if texts[0] is None or texts[0] != texts[1]:
                yield from compare_json(session, f"trajectory_events {one.key}", *values)


def compare_json(session: str, place: str, expected: object, found: object) -> Iterator[Difference]:
    """Two values, equal as JSON values are (1 and 1.0, objects in any order of keys); where they differ, the places.

    Values may be nested as deep as a parser reads: no call is made within a call.
    """
    left: list[tuple[str, object, object]] = [(place, expected, found)]
    while left:
        at, one, other = left.pop()
        if isinstance(one, dict) and isinstance(other, dict):
            below: list[tuple[str, object, object]] = []
            for key in [*one, *(key for key in other if key not in one)]:
                if key in one and key in other:
                    below.append((f"{at}.{key}", one[key], other[key]))
                else:
                    below.append((f"{at}.{key}", _Held(one, key), _Held(other, key)))
            left += reversed(below)
        elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
            left += reversed([(f"{at}[{n}]", *pair) for n, pair in enumerate(zip(one, other, strict=True))])
        elif isinstance(one, _Held) or isinstance(other, _Held):
            yield Difference(session, at, str(one), str(other))
        elif one != other or isinstance(one, bool) != isinstance(other, bool):
            yield Difference(session, at, _shown(one), _shown(other))


class _Held:
    """What one of two objects has under a key that the other lacks; as a text, what to say of it."""

    def __init__(self, side: Mapping[str, object], key: str) -> None:
        self._shown = _shown(side[key]) if key in side else "nothing"

    def __str__(self) -> str:
        return self._shown


def _sorted(value: object) -> bytes | None:
    try:
        return orjson.dumps(value, option=_SORTED)
    except orjson.JSONEncodeError:  # nested deeper than it writes
        return None


def _there(value: object, what: str) -> str:
    return "nothing" if value is None else what


def _shown(value: object) -> str:
    # As JSON, which is one line, and tells "1" from 1 and null from what is not there.
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except RecursionError:
        text = "a value that is nested too deep to be shown"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"

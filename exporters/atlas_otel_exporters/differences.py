"""Whether records, rows and an exported file say the same: each difference by name. Pure."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

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
            if orjson.dumps(values[0], option=_SORTED) != orjson.dumps(values[1], option=_SORTED):
                yield from compare_json(session, f"trajectory_events {one.key}", *values)


def compare_json(session: str, place: str, expected: object, found: object) -> Iterator[Difference]:
    """Two values, equal as JSON values are (1 and 1.0, objects in any order of keys); where they differ, the places."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in [*expected, *(key for key in found if key not in expected)]:
            if key not in expected or key not in found:
                held = [_shown(side[key]) if key in side else "nothing" for side in (expected, found)]
                yield Difference(session, f"{place}.{key}", *held)
            else:
                yield from compare_json(session, f"{place}.{key}", expected[key], found[key])
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for number, (one, other) in enumerate(zip(expected, found, strict=True)):
            yield from compare_json(session, f"{place}[{number}]", one, other)
    elif expected != found or isinstance(expected, bool) != isinstance(found, bool):
        yield Difference(session, place, _shown(expected), _shown(found))


def _there(value: object, what: str) -> str:
    return "nothing" if value is None else what


def _shown(value: object) -> str:
    # As JSON, which is one line, and tells "1" from 1 and null from what is not there.
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"

"""Differences between two states of a session are found, and named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import atlas_otel as atlas
from atlas_otel.models.rows import SessionRows
from atlas_otel.testing import recording
from atlas_otel_exporters.differences import compare_json, compare_rows


@pytest.fixture(scope="module")
def rows() -> SessionRows:
    with recording() as recorded:
        with atlas.session("t", name="s"):
            with atlas.step("a", id=1):
                atlas.add_guidance("again")
                atlas.record_reward(0.5)
            with atlas.step("a", id=1):
                pass
        return recorded.rows()


def places(expected: SessionRows | None, found: SessionRows | None) -> list[str]:
    return [difference.place for difference in compare_rows("k", expected, found)]


def test_equal_rows_have_no_difference(rows: SessionRows) -> None:
    assert places(rows, rows) == []
    assert places(None, None) == []


def test_review_columns_belong_to_reviewers(rows: SessionRows) -> None:
    reviewed = replace(rows, session=replace(rows.session, review_status="approved", review_notes="fine"))
    assert places(rows, reviewed) == []


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda r: replace(r, session=replace(r.session, task="other")), "sessions.task"),
        (
            lambda r: replace(r, session=replace(r.session, metadata={**r.session.metadata, "x": 1})),
            "sessions.metadata.x",
        ),
        (lambda r: replace(r, plan={**r.plan, "steps": []}), "plan.steps"),
        (lambda r: replace(r, steps=[replace(r.steps[0], output="other")]), "step_results 1.output"),
        (lambda r: replace(r, steps=[]), "step_results 1"),
        (lambda r: replace(r, attempts=r.attempts[:1]), "step_attempts (1, 2)"),
        (lambda r: replace(r, guidance=[replace(r.guidance[0], note="n")]), "guidance_notes (1, 1).note"),
        (lambda r: replace(r, events=r.events[:-1]), "trajectory_events"),
        (lambda r: replace(r, events=[*r.events[1:], r.events[0]]), "trajectory_events"),
    ],
)
def test_each_change_is_named(rows: SessionRows, change: Any, place: str) -> None:
    assert places(rows, change(rows)) == [place]


def test_an_event_that_differs_is_named_inside(rows: SessionRows) -> None:
    event = rows.events[0]
    changed = replace(event, event=event.event.replace('"WORKFLOW_START"', '"WORKFLOW_END"'))
    assert places(rows, replace(rows, events=[changed, *rows.events[1:]])) == [
        f"trajectory_events {event.key}.payload.event_type"
    ]


def test_missing_rows_are_one_difference(rows: SessionRows) -> None:
    assert places(rows, None) == ["rows"]


@pytest.mark.parametrize(("one", "other", "count"), [(1, 1.0, 0), (1, True, 1), ([1], [1, 2], 1), ({"a": None}, {}, 1)])
def test_json_equality(one: Any, other: Any, count: int) -> None:
    assert len(list(compare_json("k", "p", one, other))) == count


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        ({"a": None}, {}, "k: p.a: expected null, found nothing"),
        ("1", 1, 'k: p: expected "1", found 1'),
        (True, 1, "k: p: expected true, found 1"),
        ("two\nlines \x1b[2J", "ünï", 'k: p: expected "two\\nlines \\u001b[2J", found "ünï"'),
        ("x" * 500, [], f'k: p: expected "{"x" * 119}… (502 characters), found []'),
    ],
)
def test_a_difference_is_one_line_that_tells_types_apart(one: Any, other: Any, told: str) -> None:
    assert [str(difference) for difference in compare_json("k", "p", one, other)] == [told]

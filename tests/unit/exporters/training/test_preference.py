"""Pairs: what a model wrote, under what it was asked, and nothing else."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import format_span_id

import atlas_otel as atlas
from atlas_otel.testing import recording
from atlas_otel_exporters.training.options import CallFilter, RowOptions
from tests.support.stored_sessions import lines, lines_of_runs

if TYPE_CHECKING:
    from atlas_otel.models.rows import SessionRows

Json = dict[str, Any]
ASKED = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Find x"}]


@atlas.llm(model="m")
def complete(messages: list[Json], reply: str, reason: str = "stop") -> Json:
    return {"choices": [{"message": {"role": "assistant", "content": reply}, "finish_reason": reason}]}


@atlas.llm(model="m")
def sample(messages: list[Json], reply: str) -> Json:
    span = trace.get_current_span().get_span_context()
    return {"role": "assistant", "content": reply, "id": format_span_id(span.span_id)}


def said(text: str) -> list[Json]:
    return [{"role": "assistant", "content": text}]


def sides(found: list[Json]) -> list[tuple[str, str]]:
    return [(line["chosen"][0]["content"], line["rejected"][0]["content"]) for line in found]


def guided(*notes: str) -> list[Json]:
    return [*ASKED[:1], {"role": "user", "content": " ".join(["Find x", *notes])}]


def attempted(
    *verdicts: bool | None,
    replies: list[str] | None = None,
    scores: list[float | None] | None = None,
    raises: int = 0,
    same_prompt: bool = False,
) -> SessionRows:
    with recording() as records, atlas.session("Find x"):
        for number, verdict in enumerate(verdicts, 1):
            with contextlib.suppress(RuntimeError), atlas.step("Look", id=3) as step:
                notes = [] if same_prompt else [f"note {one}" for one in range(1, number)]
                complete(guided(*notes), replies[number - 1] if replies else f"try {number}")
                step.output = {"what": "the step made of it", "n": number}
                if number == raises:
                    raise RuntimeError("broken")
            if verdict is not None:
                atlas.set_validation(verdict, step=3)
            if scores and (score := scores[number - 1]) is not None:
                atlas.record_reward(score, step=3, attempt=number)
            atlas.add_guidance(f"note {number}", step=3)
    return records.rows()


def test_each_answer_stands_under_its_own_prompt_where_guidance_changed_it() -> None:
    found = lines("preference", attempted(False, False, True))
    assert [(line["rejected_attempt"], line["chosen_attempt"]) for line in found] == [(1, 3), (2, 3)]
    first, second = found
    assert first["prompt"] == second["prompt"] == guided("note 1", "note 2")
    assert (first["chosen"], first["rejected"]) == (said("try 3"), said("try 1"))
    assert first["prompt_differs"] is True
    assert (first["rejected_prompt"], second["rejected_prompt"]) == (ASKED, guided("note 1"))
    assert first["guidance"] == ["note 1", "note 2"]
    assert (first["step_id"], len(set(first["span_ids"]))) == (3, 2)
    assert first["pair_source"] == "attempts"


def test_two_answers_to_one_request_share_it() -> None:
    (line,) = lines("preference", attempted(False, True, same_prompt=True))
    assert (line["prompt"], line["prompt_differs"], line["rejected_prompt"]) == (ASKED, False, None)
    assert lines("preference", attempted(False, True), RowOptions(same_prompt=True)) == []


@pytest.mark.parametrize(
    "rows",
    [
        attempted(True),
        attempted(False),
        attempted(False, False),
        attempted(None, None),
        attempted(False, True, replies=["same", "same"], same_prompt=True),
        attempted(False, True, replies=["", "good"]),
        attempted(False, True, scores=[1.0, 0.0]),
        attempted(False, True, scores=[0.5, 0.5]),
    ],
    ids=["passed", "failed", "twice", "unjudged", "the same answer", "no answer", "against its score", "scored alike"],
)
def test_what_is_no_pair_is_left_out(rows: SessionRows) -> None:
    assert lines("preference", rows) == []


def test_an_attempt_that_raised_is_rejected_for_one_that_did_not() -> None:
    (line,) = lines("preference", attempted(None, None, raises=1))
    assert (line["rejected"], line["chosen"]) == (said("try 1"), said("try 2"))


def test_attempts_that_nobody_refused_are_told_apart_by_their_scores() -> None:
    rows = attempted(None, None, None, scores=[0.25, 1.0, None])
    (line,) = lines("preference", rows)
    assert (line["chosen_attempt"], line["rejected_attempt"], line["reward_margin"]) == (2, 1, 0.75)
    assert lines("preference", rows, RowOptions(min_margin=0.8)) == []


def ran(score: float | None, *replies: str, first: list[Json] | None = None) -> SessionRows:
    """A run whose every request holds what was answered before."""
    with recording() as records, atlas.session("Find x"):
        messages = list(first or ASKED)
        for number, reply in enumerate(replies):
            complete(messages, reply)
            messages = [*messages, *said(reply), {"role": "user", "content": f"go on {number}"}]
        if score is not None:
            atlas.record_reward(score)
    return records.rows()


def test_two_runs_of_one_task_are_exactly_one_pair_at_the_place_where_they_part() -> None:
    (line,) = lines_of_runs("preference", [ran(1.0, "a", "right", "c"), ran(0.0, "a", "wrong", "d")])
    assert line["prompt"] == [*ASKED, *said("a"), {"role": "user", "content": "go on 0"}]
    assert (line["chosen"], line["rejected"]) == (said("right"), said("wrong"))
    assert (line["chosen_reward"], line["rejected_reward"], line["reward_margin"]) == (1.0, 0.0, 1.0)
    assert (line["pair_source"], line["prompt_differs"]) == ("siblings", False)
    assert (line["session_key"], line["rejected_session_key"]) == ("k1", "k2")


def test_of_several_runs_the_best_stands_against_each_worse_one() -> None:
    found = lines_of_runs("preference", [ran(0.5, "b"), ran(1.0, "a"), ran(0.0, "c"), ran(1.0, "z"), ran(None, "n")])
    assert sides(found) == [
        ("a", "b"),
        ("a", "c"),
    ]


@pytest.mark.parametrize(
    ("scores", "replies"), [((1.0, 1.0), ("a", "b")), ((1.0, None), ("a", "b")), ((1.0, 0.0), ("a", "a"))]
)
def test_runs_that_do_not_differ_are_no_pair(scores: Any, replies: Any) -> None:
    assert lines_of_runs("preference", [ran(*each) for each in zip(scores, replies, strict=True)]) == []


def test_runs_that_were_never_asked_the_same_keep_their_own_last_requests() -> None:
    other = [{"role": "user", "content": "Find x, it is noon"}]
    (line,) = lines_of_runs("preference", [ran(1.0, "a"), ran(0.0, "b", first=other)])
    assert (line["prompt"], line["rejected_prompt"], line["prompt_differs"]) == (ASKED, other, True)


@pytest.mark.parametrize("named", [True, False], ids=["by session and span", "by span, in the session"])
def test_answers_that_were_scored_one_by_one_are_pairs(named: bool) -> None:
    with recording() as records, atlas.session("Find x") as session:
        for reply, score in (("a", 0.5), ("b", 1.0), ("c", None), ("d", 0.0)):
            span_id = sample(ASKED, reply)["id"]
            if score is not None:
                atlas.record_reward(score, span_id=span_id, session_id=session.id if named else None)
    found = lines("preference", records.rows())
    assert sides(found) == [
        ("b", "a"),
        ("b", "d"),
    ]
    assert {line["pair_source"] for line in found} == {"samples"}
    assert lines("preference", records.rows(), RowOptions(pairs=frozenset({"attempts"}))) == []


def test_filters_on_worth_are_for_what_is_chosen() -> None:
    good = RowOptions(calls=CallFilter(only_good=True, valid=True))
    (line,) = lines("preference", attempted(False, True), good)
    assert line["rejected"] == said("try 1")

"""Subscribers hear decorated code too: the steps that the trajectory will hold, as they happen."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

import atlas_otel as atlas
from atlas_otel.models.intermediate_step import IntermediateStep, IntermediateStepPayload, IntermediateStepType
from atlas_otel.steps.feed import FEED
from atlas_otel.steps.manager import IntermediateStepManager
from atlas_otel.testing import Recording, recording
from atlas_otel.tracing import state

if TYPE_CHECKING:
    from collections.abc import Iterator

Type = IntermediateStepType


@pytest.fixture
def recorded() -> Iterator[Recording]:
    with recording() as held:
        yield held
    FEED.complete(lambda one: True)
    assert state.listener is None


@atlas.tool
def search(query: str) -> list[str]:
    if not query:
        raise ValueError("an empty query")
    return [query]


@atlas.llm(model="m", provider="p")
def complete(messages: list[dict[str, str]]) -> Any:
    yield "an "
    yield "answer"


@atlas.agent
def helper(question: str) -> str:
    atlas.emit_event("progress", {"n": 1})
    return "".join(complete([{"role": "user", "content": question}]))


@atlas.session(name="desk", tags=["t"])
def work(task: str) -> str:
    """About everything that decorated code does."""
    atlas.set_plan(["Look", "Write"])
    with atlas.step("Look", id=1) as step:
        step.output = search(task)
    atlas.record_reward(0.5, step=1)
    for attempt in (1, 2):
        with contextlib.suppress(ValueError), atlas.step("Write", id=2):
            search("" if attempt == 1 else task)
        atlas.add_guidance("Ask for something.", step=2)
    manager = IntermediateStepManager()
    with atlas.step("Ask", id=3):
        for kind, name in ((Type.TOOL_START, "pushed"), (Type.TOOL_END, "pushed")):
            manager.push_intermediate_step(IntermediateStepPayload(event_type=kind, UUID="p", name=name))
            if kind is Type.TOOL_START:
                search("inside")
        return helper(task)


def told(steps: list[IntermediateStep]) -> list[dict[str, Any]]:
    return [json.loads(step.model_dump_json(exclude_unset=step.UUID != "p")) for step in steps]


def test_a_subscriber_hears_what_the_trajectory_will_hold(recorded: Recording) -> None:
    seen: list[IntermediateStep] = []
    IntermediateStepManager().subscribe(seen.append)
    assert work("Find it") == "an answer"
    events = [json.loads(event.event) for event in recorded.rows().events]
    heard = told(seen)
    assert len(heard) == len(events) > 25
    identity = [(e["payload"]["UUID"], e["payload"]["event_type"], e["parent_id"], e["payload"]["name"]) for e in heard]
    assert sorted(identity) == sorted(
        (e["payload"]["UUID"], e["payload"]["event_type"], e["parent_id"], e["payload"]["name"]) for e in events
    )
    by_id = {(e["payload"]["UUID"], e["payload"]["event_type"]): e for e in events}
    for step in heard:
        event = by_id[step["payload"]["UUID"], step["payload"]["event_type"]]
        assert step["function_ancestry"] == event["function_ancestry"]
        if not step["payload"]["event_type"].startswith("TASK"):  # later judgements change what those say
            assert step == event
        else:
            assert step["payload"]["event_timestamp"] == event["payload"]["event_timestamp"]
            assert step["payload"]["data"].keys() == event["payload"]["data"].keys()
    # In order, and each START before its END.
    times = [e["payload"]["event_timestamp"] for e in heard if e["payload"]["UUID"] != "p"]
    assert times == sorted(times)
    assert (heard[0]["payload"]["event_type"], heard[-1]["payload"]["event_type"]) == ("WORKFLOW_START", "WORKFLOW_END")


def test_steps_come_at_once_and_in_the_thread_where_they_happen(recorded: Recording) -> None:
    threads: dict[str, int] = {}
    inside: list[list[str]] = []
    seen: list[str] = []

    def hear(step: IntermediateStep) -> None:
        seen.append(step.event_type.value)
        threads[step.event_type.value] = threading.get_ident()

    @atlas.tool
    def look() -> None:
        inside.append(list(seen))

    IntermediateStepManager().subscribe(hear)
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert inside == [["TOOL_START"]]
    assert seen == ["TOOL_START", "TOOL_END"]
    assert set(threads.values()) == {thread.ident}


def test_who_subscribes_in_a_session_follows_that_one_until_it_is_over(recorded: Recording) -> None:
    seen: list[IntermediateStep] = []
    done: list[bool] = []
    with atlas.session("mine", name="mine"):
        IntermediateStepManager().subscribe(seen.append, on_complete=lambda: done.append(True))
        search("mine")
        with atlas.session("other", name="other", new=True):
            search("other")
        assert not done
    work("later")
    names = [(step.event_type.value, step.name) for step in seen]
    assert names == [("TOOL_START", "search"), ("TOOL_END", "search"), ("WORKFLOW_END", "mine")]
    assert seen[0].parent_id == seen[-1].UUID
    assert seen[0].function_ancestry.function_name == "mine"
    assert done == [True]
    assert state.listener is None


def test_a_subscriber_that_raises_harms_nobody(recorded: Recording) -> None:
    seen: list[str] = []
    errors: list[Exception] = []

    def fail(step: IntermediateStep) -> None:
        raise RuntimeError("on purpose")

    before = state.absorbed_counts().get("subscriber", 0)
    IntermediateStepManager().subscribe(fail, errors.append)
    IntermediateStepManager().subscribe(lambda step: seen.append(step.event_type.value))
    assert search("a") == ["a"]
    assert seen == ["TOOL_START", "TOOL_END"]
    assert len(errors) == 2
    assert state.absorbed_counts()["subscriber"] == before + 2


def test_what_a_subscriber_does_itself_is_recorded_and_not_told(recorded: Recording) -> None:
    seen: list[str | None] = []

    def hear(step: IntermediateStep) -> None:
        seen.append(step.name)
        helper("again")

    IntermediateStepManager().subscribe(hear)
    search("a")
    assert seen == ["search", "search"]
    assert len([span for span in recorded.spans if span.name == "invoke_agent helper"]) == 2


def test_before_configure_steps_have_ids_of_their_own() -> None:
    program = """
import atlas_otel as atlas
seen = []
atlas.IntermediateStepManager().subscribe(seen.append)
@atlas.tool
def look(): return 1
with atlas.session("t", name="s"):
    look()
kinds = [(s.event_type.value, s.UUID, s.parent_id) for s in seen]
(_, session, root), (_, tool, parent), *_ = kinds
assert [kind for kind, *_ in kinds] == ["WORKFLOW_START", "TOOL_START", "TOOL_END", "WORKFLOW_END"], kinds
assert root == "root" and parent == session != tool and int(tool, 16), kinds
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)

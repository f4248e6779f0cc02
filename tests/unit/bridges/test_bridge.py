"""What every bridge does, over a stream of our own making; the real ones are tests/integration/test_bridges.py's."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry import context as otel_context

import atlas_otel as atlas
from atlas_otel import IntermediateStep, IntermediateStepPayload, IntermediateStepType
from atlas_otel.bridges import arc_atlas, nemo
from atlas_otel.models.intermediate_step import InvocationNode, StreamEventData
from atlas_otel.testing import recording
from atlas_otel.tracing import state
from tests.support.pushed_steps import pushed_steps

Type = IntermediateStepType


class ForeignStream:
    """Another project's manager: publishes steps to its subscribers, and does nothing else."""

    def __init__(self) -> None:
        self._subscribers: list[Callable[[Any], Any]] = []

    def subscribe(self, on_next: Callable[[Any], Any]) -> ForeignStream:
        self._subscribers.append(on_next)
        return self

    def unsubscribe(self) -> None:
        self._subscribers.clear()

    def publish(self, step: Any) -> None:
        for on_next in self._subscribers:
            on_next(step)


@pytest.fixture(autouse=True)
def _own_context() -> Iterator[None]:
    # Steps that end out of order leave keys of no effect in the context.
    token = otel_context.attach(otel_context.get_current())
    yield
    otel_context.detach(token)


def step(kind: Type, uuid: str, parent: str = "root", **data: Any) -> IntermediateStep:
    payload = IntermediateStepPayload(
        event_type=kind, UUID=uuid, name=uuid, event_timestamp=1.7e9, data=StreamEventData(**data)
    )
    node = InvocationNode(function_id="f", function_name="theirs", parent_id="g", parent_name="outer")
    return IntermediateStep(parent_id=parent, function_ancestry=node, payload=payload)


def test_parents_and_ancestry_are_kept_whatever_is_in_force_here() -> None:
    stream = ForeignStream()
    steps = [
        step(Type.WORKFLOW_START, "w", input="Count"),
        step(Type.FUNCTION_START, "f", "w"),
        step(Type.FUNCTION_START, "g", "w"),
        step(Type.TOOL_START, "t", "f"),
        step(Type.TOOL_END, "t", "f"),
        step(Type.FUNCTION_END, "f", "w"),
        step(Type.FUNCTION_END, "g", "w"),
        step(Type.WORKFLOW_END, "w", output="three"),
        step(Type.CUSTOM_START, "reward"),
        step(Type.CUSTOM_END, "reward"),
    ]
    with recording() as recorded:
        with nemo.bridge(stream):
            for one in steps:
                stream.publish(one)
        assert atlas.get_trace_id() is None, "nothing stays in force"
        rows = recorded.rows()
    assert [one.step for one in pushed_steps(recorded.all)] == steps
    parents = {span.name: span.parent_span_id for span in recorded.spans}
    ids = {span.name: span.span_id for span in recorded.spans}
    assert parents["execute_tool t"] == ids["f"]
    assert parents["reward"] == ids["invoke_agent w"], "what comes after the workflow is a part of its session"
    assert (rows.session.task, rows.session.final_answer, rows.session.status) == ("Count", "three", "succeeded")


def test_steps_without_a_workflow_get_a_session_from_any_thread() -> None:
    stream = ForeignStream()
    with recording() as recorded:
        with arc_atlas.bridge(stream):
            stream.publish(step(Type.TOOL_START, "a"))
            thread = threading.Thread(target=stream.publish, args=(step(Type.TOOL_START, "b"),))
            thread.start()
            thread.join()
            stream.publish(step(Type.TOOL_END, "b"))
            stream.publish(step(Type.TOOL_END, "a"))
        (key,) = recorded.sessions()
        rows = recorded.rows(key)
    assert (rows.session.task, rows.session.status, rows.session.metadata["agent_name"]) == (
        *("a", "succeeded"),
        "arc-atlas",
    )
    assert len([span for span in recorded.spans if span.kind == "tool"]) == 2


def test_in_a_session_of_ours_they_are_a_part_of_it() -> None:
    stream = ForeignStream()
    with recording() as recorded, atlas.session("ours") as session, nemo.bridge(stream):
        stream.publish(step(Type.WORKFLOW_START, "w"))
        stream.publish(step(Type.WORKFLOW_END, "w"))
    assert recorded.sessions() == [session.id]
    assert recorded.span("invoke_agent w").kind == "agent"


@pytest.mark.parametrize(("error", "kind"), [(None, "abandoned"), (LookupError("gone"), "LookupError")])
def test_what_is_open_when_the_stream_closes_has_failed(error: Exception | None, kind: str) -> None:
    stream = ForeignStream()
    with recording() as recorded:
        bridge = nemo.bridge(stream)
        stream.publish(step(Type.WORKFLOW_START, "w", input="Count"))
        stream.publish(step(Type.TOOL_START, "t", "w"))
        bridge.close(error)
        bridge.close()
        stream.publish(step(Type.TOOL_END, "t", "w"))
        rows = recorded.rows()
    assert rows.session.status == "failed"
    assert rows.session.metadata["failure"]["type"] == kind
    assert [span.attributes["error.type"] for span in recorded.spans] == [kind, kind]


def test_what_cannot_be_read_is_counted_and_raises_nothing() -> None:
    stream: Any = ForeignStream()
    before = state.absorbed_counts().get("bridge", 0)
    with recording() as recorded, nemo.bridge(stream):
        stream.publish({"no": "step"})
    assert recorded.all == []
    assert state.absorbed_counts()["bridge"] == before + 1

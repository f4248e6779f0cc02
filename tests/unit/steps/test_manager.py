"""Pushing intermediate steps live: spans, events, context and subscribers (contract §1)."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry import baggage
from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import NoOpTracer

import atlas_otel as atlas
from atlas_otel import semconv
from atlas_otel.capture.capture import Capture
from atlas_otel.models.intermediate_step import (
    IntermediateStep,
    IntermediateStepPayload,
    IntermediateStepType,
    StreamEventData,
)
from atlas_otel.projection.project import project
from atlas_otel.records.recorder import NullRecorder
from atlas_otel.steps.feed import FEED
from atlas_otel.steps.manager import REMEMBERED_STEPS, IntermediateStepManager
from atlas_otel.testing import Recording, recording
from atlas_otel.tracing import state
from atlas_otel.tracing.active_span import ActiveSpan
from tests.support.pushed_steps import pushed_steps

Type = IntermediateStepType


def payload(kind: Type, uuid: str, name: str | None = None, **more: Any) -> IntermediateStepPayload:
    data = {key: more.pop(key) for key in ("input", "output", "chunk") if key in more}
    return IntermediateStepPayload(event_type=kind, UUID=uuid, name=name, data=StreamEventData(**data), **more)


@pytest.fixture
def recorded() -> Iterator[Recording]:
    with recording() as held:
        yield held


@pytest.fixture(autouse=True)
def _nobody_listens_on() -> Iterator[None]:
    # A step that is never ended stays in force: not for the next test, and none of an earlier one's.
    token = otel_context.attach(Context())
    yield
    otel_context.detach(token)
    FEED.complete(lambda one: True)
    assert state.listener is None


class Pushes:
    """A manager that is subscribed to."""

    def __init__(self) -> None:
        self.manager = IntermediateStepManager()
        self.seen: list[IntermediateStep] = []
        self.uuids: set[str] = set()
        self.manager.subscribe(self.seen.append)

    @property
    def pushed(self) -> list[IntermediateStep]:
        """What was seen of pushed steps: decorated code is seen too."""
        return [step for step in self.seen if step.UUID in self.uuids]

    def __call__(self, kind: Type, uuid: str, name: str | None = None, **more: Any) -> None:
        self.uuids.add(uuid)
        self.manager.push_intermediate_step(payload(kind, uuid, name, **more))


def test_what_is_no_payload_is_refused() -> None:
    with pytest.raises(TypeError, match="expected an IntermediateStepPayload, got dict"):
        IntermediateStepManager().push_intermediate_step({"event_type": "TOOL_START"})  # type: ignore[arg-type]


def test_a_pushed_run_is_a_session_of_its_own(recorded: Recording) -> None:
    push = Pushes()
    push(Type.WORKFLOW_START, "w", "orchestration", input={"task": "Count"})
    push(Type.TASK_START, "t", "step_4", input={"step": {"id": 4, "description": "Look"}, "attempt": 1})
    push(Type.TOOL_START, "x", "search", input={"q": 1})
    push(Type.TOOL_END, "x", "search", output=[1])
    push(Type.TASK_END, "t", "step_4", output={"trace": "looked", "output": "one"})
    push(Type.WORKFLOW_END, "w", "orchestration", output="One.")
    rows = recorded.rows()
    assert (rows.session.task, rows.session.final_answer, rows.session.status) == ("Count", "One.", "succeeded")
    (step,) = rows.steps
    assert (step.step_id, step.trace, step.output) == (4, "looked", "one")
    assert [json.loads(event.event) for event in rows.events] == [json.loads(s.model_dump_json()) for s in push.seen]
    assert [(s.UUID, s.parent_id) for s in push.seen] == [
        ("w", "root"), ("t", "w"), ("x", "t"), ("x", "t"), ("t", "w"), ("w", "root"),
    ]  # fmt: skip
    tool = push.seen[2].function_ancestry
    assert (tool.function_id, tool.function_name, tool.parent_id, tool.parent_name) == (
        "t",
        "step_4",
        "w",
        "orchestration",
    )


def test_pushed_steps_and_decorated_code_mix(recorded: Recording) -> None:
    @atlas.tool
    def search(query: str) -> str:
        push(Type.ADAPTER_EVENT, "e", "progress", output={"event": "progress"})
        return query

    push = Pushes()
    with atlas.session("t", name="boss"):
        push(Type.TASK_START, "t", "step_1", input={"step": {"id": 1, "description": "Look"}, "attempt": 1})
        search("a")
        push(Type.TASK_END, "t", "step_1", output="done")
        search("b")
        with atlas.step("Write"):
            push(Type.LLM_START, "l", "m", input="hi")
            push(Type.LLM_END, "l", "m", output="ho")
    rows = recorded.rows()
    session, first, second = recorded.span("boss"), *[s for s in recorded.spans if s.name == "execute_tool search"]
    task = recorded.span("step 1: Look")
    assert (first.parent_span_id, second.parent_span_id) == (task.span_id, session.span_id)
    assert (first.attributes[semconv.ATLAS_STEP_ID], semconv.ATLAS_STEP_ID in second.attributes) == (1, False)
    assert [(row.step_id, row.output) for row in rows.steps] == [(1, "done"), (2, "ho")], "what a model said last"
    assert "event progress" in rows.steps[0].trace
    assert "model m" in rows.steps[1].trace
    parents = {s.UUID: s.parent_id for s in push.seen}
    assert parents["t"] == session.span_id
    assert parents["e"] in (first.span_id, second.span_id)
    step = recorded.span("step 2: Write")
    model = next(s for s in push.seen if s.UUID == "l")
    assert (model.parent_id, model.function_ancestry.function_name) == (step.span_id, "step_2")
    # A decorated call inside a pushed step has that step's UUID as its parent in the trajectory.
    events = [json.loads(event.event) for event in rows.events]
    tools = [event["parent_id"] for event in events if event["payload"]["event_type"] == "TOOL_START"]
    assert tools == ["t", session.span_id]


def test_interleaved_ends_leave_the_innermost_open_step_in_force(recorded: Recording) -> None:
    push = Pushes()
    with atlas.session("t"):
        before = otel_context.get_current()
        push(Type.FUNCTION_START, "a", "a")
        push(Type.FUNCTION_START, "b", "b")
        push(Type.FUNCTION_END, "a", "a")
        push(Type.FUNCTION_START, "c", "c")
        push(Type.FUNCTION_END, "c", "c")
        push(Type.FUNCTION_END, "b", "b")
        push(Type.FUNCTION_START, "d", "d")
        push(Type.FUNCTION_END, "d", "d")
        assert atlas.current_session() is not None
        after = otel_context.get_current()
        root = [s.parent_id for s in push.seen if s.UUID in ("a", "d")]
    assert [(s.UUID, s.parent_id) for s in push.seen if s.UUID in ("b", "c")] == [
        ("b", "a"), ("c", "b"), ("c", "b"), ("b", "a"),
    ]  # fmt: skip
    assert len(set(root)) == 1
    assert dict(before).keys() <= dict(after).keys()


def test_a_step_may_end_in_another_thread(recorded: Recording) -> None:
    push = Pushes()
    with atlas.session("t") as session:
        push(Type.TOOL_START, "x", "x")
        thread = threading.Thread(target=push, args=(Type.TOOL_END, "x", "x"))
        thread.start()
        thread.join()
        push(Type.TOOL_START, "y", "y")
        push(Type.TOOL_END, "y", "y")
        assert [s.parent_id for s in push.pushed] == [session.span_id] * 4
    assert recorded.span("execute_tool y").parent_span_id == session.span_id


def test_baggage_set_inside_a_step_stays(recorded: Recording) -> None:
    push = Pushes()
    with atlas.session("t"):
        push(Type.TOOL_START, "x", "x")
        token = otel_context.attach(baggage.set_baggage("k", "v"))
        push(Type.TOOL_END, "x", "x")
        assert baggage.get_baggage("k") == "v"
        otel_context.detach(token)


async def test_parallel_tasks_are_kept_apart(recorded: Recording) -> None:
    push = Pushes()

    async def work(name: str) -> None:
        push(Type.FUNCTION_START, name, name)
        await asyncio.sleep(0)
        push(Type.TOOL_START, name + "-tool", "tool")
        await asyncio.sleep(0)
        push(Type.TOOL_END, name + "-tool", "tool")
        push(Type.FUNCTION_END, name, name)

    with atlas.session("t") as session:
        await asyncio.gather(*(work(str(number)) for number in range(20)))
    for step in push.pushed:
        expected = step.UUID.partition("-")[0] if step.UUID.endswith("-tool") else session.span_id
        assert step.parent_id == expected


def test_a_stream_of_thousands_of_chunks(recorded: Recording) -> None:
    push = Pushes()
    with atlas.session("t"):
        push(Type.LLM_START, "l", "m", input="count")
        for number in range(5000):
            push(Type.LLM_NEW_TOKEN, "l", "m", chunk=str(number))
        push(Type.LLM_END, "l", "m", output="done")
    steps = [one.step for one in pushed_steps(recorded.all)]
    assert [s.data.chunk for s in steps[1:-1] if s.data is not None] == [str(number) for number in range(5000)]
    assert recorded.span("chat m").attributes[semconv.ATLAS_STREAM_CHUNKS] == 5000


def test_a_manager_that_lives_long_forgets_what_ended_long_ago(recorded: Recording) -> None:
    push = Pushes()
    push(Type.WORKFLOW_START, "w", "run", input="q")
    for number in range(2 * REMEMBERED_STEPS):
        push(Type.TOOL_START, f"t{number}", "tool", input="x")
        push(Type.TOOL_END, f"t{number}", "tool", output="y")
    push(Type.TOOL_END, f"t{number}", "tool", output="again")
    push(Type.TOOL_END, "t0", "tool", output="again")
    push(Type.WORKFLOW_END, "w", "run", output="a")
    anomalies = [s.attributes[semconv.ATLAS_ANOMALY] for s in recorded.spans if semconv.ATLAS_ANOMALY in s.attributes]
    assert anomalies == ["second_end", "end_without_start"]
    assert len(recorded.spans) == 1 + 2 * REMEMBERED_STEPS + 2


def test_what_is_forgotten_takes_no_memory() -> None:
    before = state.install(state.Instrumentation(tracer=NoOpTracer(), recorder=NullRecorder(), records=True))
    try:
        push = IntermediateStepManager().push_intermediate_step
        push(payload(Type.WORKFLOW_START, "w", "run", input="q"))
        for number in range(2 * REMEMBERED_STEPS):
            push(payload(Type.TOOL_START, f"t{number}", "tool", input="x"))
            push(payload(Type.TOOL_END, f"t{number}", "tool", output="y"))
        gc.collect()
        assert REMEMBERED_STEPS <= sum(type(one) is ActiveSpan for one in gc.get_objects()) < REMEMBERED_STEPS + 100
    finally:
        state.install(before)


def test_pushed_payloads_are_whole(recorded: Recording) -> None:
    push = Pushes()
    with atlas.session("t"):
        push(Type.TOOL_START, "x", "x", input="a" * 3_000_000)
    (start,) = [one.step for one in pushed_steps(recorded.all)]
    assert start.data is not None
    assert len(start.data.input) == 3_000_000


def test_failures_show(recorded: Recording) -> None:
    push = Pushes()
    with atlas.session("t"):
        push(Type.TOOL_START, "x", "x")
        push(Type.TOOL_END, "x", "x", output={"error": "no such table"})
    span = recorded.span("execute_tool x")
    assert (span.status, span.status_message) == (2, "error: no such table")


def test_subscribers_never_harm(recorded: Recording) -> None:
    push = Pushes()
    errors: list[Exception] = []

    def fail(step: IntermediateStep) -> None:
        raise ValueError(step.UUID)

    failing = push.manager.subscribe(fail, errors.append)
    done: list[bool] = []
    push.manager.subscribe(push.seen.append, on_complete=lambda: done.append(True))
    push(Type.TOOL_START, "x")
    failing.unsubscribe()
    failing.unsubscribe()
    push(Type.TOOL_END, "x")
    assert [str(error) for error in errors] == ["x"]
    assert len(push.seen) == 4
    push.manager.complete()
    push(Type.TOOL_START, "y")
    assert (len(push.seen), done) == (4, [True])


def test_content_off_keeps_content_out() -> None:
    with recording(capture=Capture(content=False)) as recorded:
        push = Pushes()
        push(Type.WORKFLOW_START, "w", "orchestration", input={"task": "SECRET"}, metadata={"k": "SECRET"})
        push(Type.TASK_START, "t", "step_1", input={"step": {"id": 1, "description": "SECRET"}, "attempt": 1})
        push(Type.TASK_END, "t", "step_1", output={"error": "SECRET"})
        push(Type.WORKFLOW_END, "w", "orchestration", output="SECRET", tags=["SECRET"])
        assert "SECRET" not in repr(recorded.all)
        assert recorded.rows().session.status == "succeeded"


_EVENT = st.tuples(st.sampled_from(list(Type)), st.sampled_from("abc"))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@given(st.lists(_EVENT, max_size=12))
def test_whatever_is_pushed_is_what_is_kept(events: list[tuple[Type, str]]) -> None:
    with recording() as recorded:
        FEED.complete(lambda one: True)
        push = Pushes()
        with atlas.session("t"):
            for kind, uuid in events:
                push(kind, uuid, "step_1" if kind.value.startswith("TASK") else "n", output=uuid)
        kept = pushed_steps(recorded.all)
        rows = project(recorded.records("session-1"))
    assert [one.step.model_dump_json() for one in kept] == [
        IntermediateStep.model_validate_json(step.model_dump_json()).model_dump_json() for step in push.pushed
    ]
    assert rows is not None
    trajectory = [json.loads(event.event) for event in rows.events]
    assert [e for e in trajectory if e["payload"]["UUID"] in "abc"] == [
        json.loads(s.model_dump_json()) for s in push.pushed
    ]

"""Streams of intermediate steps: made by strategies, pushed through the live manager, read back."""

from __future__ import annotations

import contextvars
import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from hypothesis import strategies as st

import atlas_otel as atlas
from atlas_otel.events.catalogue import read_note
from atlas_otel.events.intermediate_step import PushedNote
from atlas_otel.models.intermediate_step import (
    IntermediateStep,
    IntermediateStepPayload,
    IntermediateStepState,
    IntermediateStepType,
    InvocationNode,
    StreamEventData,
    UsageInfo,
)
from atlas_otel.records.packing import packed_events
from atlas_otel.records.record import Record, RecordSet
from atlas_otel.steps.manager import IntermediateStepManager
from atlas_otel.testing import Recording, recording

Type = IntermediateStepType


class Pushed(NamedTuple):
    """A step as it was pushed, and the mark it was kept with."""

    step: IntermediateStep
    anomaly: str | None


def record(steps: Iterable[IntermediateStep], *, session: str | None = None) -> Recording:
    """Push ``steps`` through one manager, in a session with the task ``session`` where one is named."""

    def push() -> Recording:
        with recording() as recorded:
            manager = IntermediateStepManager()
            if session is None:
                for step in steps:
                    manager.record_step(step)
            else:
                with atlas.session(session):
                    for step in steps:
                        manager.record_step(step)
        return recorded

    return contextvars.copy_context().run(push)  # a step that never ends stays in force: in that copy


def pushed_steps(records: Iterable[Record]) -> list[Pushed]:
    """The steps that were pushed, in that order, with their marks; each once, however often it was recorded."""
    held = RecordSet(records)
    events = dict(held.events)
    for span in held.spans.values():
        for event in packed_events(span):
            events.setdefault(event.key, event)
    found = []
    for event in sorted(events.values(), key=lambda event: (event.sequence, event.trace_id, event.span_id)):
        note = read_note(event)
        if isinstance(note, PushedNote):
            found.append(Pushed(IntermediateStep.model_validate(note.text.value), note.anomaly))
    return found


def plain_steps(records: Iterable[Record]) -> list[Any]:
    """The pushed steps in ``records`` as JSON values."""
    return plain(one.step for one in pushed_steps(records))


def plain(steps: Iterable[IntermediateStep]) -> list[Any]:
    """Steps as JSON values."""
    return [json.loads(step.model_dump_json()) for step in steps]


def pushed(
    kind: Type, uuid: str, seconds: float, name: str | None = None, parent: str = "root", **more: Any
) -> IntermediateStep:
    """One step, at ``seconds``; ``input``, ``output`` and ``chunk`` are its data."""
    data = {key: more.pop(key) for key in ("input", "output", "chunk") if key in more}
    return IntermediateStep(
        parent_id=parent,
        function_ancestry=InvocationNode(function_id="root", function_name="root"),
        payload=IntermediateStepPayload(
            UUID=uuid, event_type=kind, event_timestamp=seconds, name=name, data=StreamEventData(**data), **more
        ),
    )


_JSON: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=8),
    st.sampled_from([True, [], {}, [[1, {"a": None}], "x"], {"error": "no"}, {"error": {"type": "T", "message": "m"}}]),
    st.just([{"role": "user", "content": "hi"}]),
)
_TASK = {"step": {"id": 3, "description": "d"}, "guidance": ["g"], "attempt": 2, "context": {}}
_RESULT = {"trace": "t", "output": "o", "evaluation": {"reward": {"score": None}}}
_DATA: st.SearchStrategy[StreamEventData | None] = st.one_of(
    st.none(),
    st.just(StreamEventData(input=_TASK, output=_RESULT)),
    _JSON.map(lambda value: StreamEventData(input=value, output=value)),
    _JSON.map(lambda value: StreamEventData(chunk=value)),
)
_MORE: list[dict[str, Any]] = [
    {},
    {"framework": "langchain", "tags": ["x", ""], "beyond": [1]},
    {"metadata": {"error": "late", "k": {}}, "tags": []},
    {"metadata": {"chat_inputs": [{"role": "user", "content": "hi"}]}},
    {"usage_info": UsageInfo(prompt_tokens=3)},
]


def _build(
    kind: Type, uuid: str, parent: str, name: str | None, seconds: float, data: StreamEventData | None, more: int
) -> IntermediateStep:
    start = 1.5 if kind.state is IntermediateStepState.END and more % 2 else None
    payload = IntermediateStepPayload(
        UUID=uuid,
        event_type=kind,
        event_timestamp=seconds,
        span_event_timestamp=start,
        name=name,
        data=data,
        **_MORE[more],
    )
    node = InvocationNode(function_id="f", function_name="n", parent_id="p" if more else None)
    return IntermediateStep(parent_id=parent, function_ancestry=node, payload=payload)


streams = st.lists(
    st.builds(
        _build,
        kind=st.sampled_from(list(Type)),
        # Few of them, so that streams interleave, double, end without a start, and never end.
        uuid=st.sampled_from("abcd"),
        parent=st.sampled_from(["root", "a", "b", "elsewhere"]),
        name=st.sampled_from([None, "step_1", "step_2", "search", "gpt", "step_99999999999"]),
        seconds=st.floats(-1e3, 2e9, allow_nan=False) | st.sampled_from([0.0, 1e300, 1.7e9]),
        data=_DATA,
        more=st.integers(0, len(_MORE) - 1),
    ),
    max_size=10,
)
"""Streams of any steps, in any order."""

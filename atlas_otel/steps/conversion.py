"""Intermediate steps ⇄ span records. Pure.

A pushed START opens a span, its END closes it, and every event stands on its span as an event record that holds it
whole: so :func:`from_records` of :func:`to_records` gives the same steps in the same order, whatever the stream was
like. What fits no open step is kept too, with a mark:

=====================  ================================================================
``second_start``       a START whose UUID has started before
``end_without_start``  an END whose UUID never started
``second_end``         an END whose UUID has ended before
``chunk_without_start``, ``chunk_after_end``
``other_category``     an END of another category than its START: it ends the step
=====================  ================================================================

The live manager shares the rules: :class:`StepPairing` says which open step an event belongs to,
:mod:`atlas_otel.steps.spans` what its span says.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, Literal, NamedTuple, TypeVar

from atlas_otel import semconv
from atlas_otel.capture.normalise import to_tree
from atlas_otel.events.catalogue import read_note
from atlas_otel.events.intermediate_step import PushedNote
from atlas_otel.models.intermediate_step import IntermediateStep, IntermediateStepState, IntermediateStepType
from atlas_otel.records.json_text import dump
from atlas_otel.records.packing import packed_events
from atlas_otel.records.record import (
    RANK_ENDED,
    RANK_OPEN,
    STATUS_ERROR,
    STATUS_UNSET,
    EventRecord,
    RecordSet,
    SpanEvent,
    SpanRecord,
)
from atlas_otel.steps.spans import closing, opening, time_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from atlas_otel.models.intermediate_step import IntermediateStepCategory, IntermediateStepPayload
    from atlas_otel.models.json_types import JsonObject
    from atlas_otel.records.record import Attributes, AttributeValue, Record

Anomaly = Literal[
    "second_start", "end_without_start", "second_end", "chunk_without_start", "chunk_after_end", "other_category"
]
"""Why a pushed event fits no open step."""

T = TypeVar("T")

_SEQUENCE_MAX: Final = 2**62
"""Later times are clamped, so that a sequence, which goes on from them, stays within 64 bits."""


class StepPairing(Generic[T]):
    """Pairs events by UUID, never by a stack: interleaved and parallel steps come out right.

    ``T`` is whatever stands for an open step (an active span, a span under construction). Of ended steps the latest
    ``remembered`` are known (None: all); what comes for an older one is as if it had never started.
    """

    def __init__(self, remembered: int | None = None) -> None:
        self._known: dict[str, tuple[T, IntermediateStepCategory]] = {}
        self._ended: dict[str, None] = {}
        """In the order of their ends."""
        self._remembered = remembered

    def place(self, payload: IntermediateStepPayload) -> tuple[T | None, Anomaly | None]:
        """The step that an event belongs to, where it has one, and what is odd about it. An END closes the step; for a
        START without either, the caller makes the step and calls :meth:`opened`."""
        known = self._known.get(payload.UUID)
        if payload.event_type is IntermediateStepType.ADAPTER_EVENT:
            return None, None
        state = payload.event_state
        if known is None:
            if state is IntermediateStepState.START:
                return None, None
            return None, "end_without_start" if state is IntermediateStepState.END else "chunk_without_start"
        step, category = known
        if state is IntermediateStepState.START:
            return step, "second_start"
        ended = payload.UUID in self._ended
        if state is IntermediateStepState.CHUNK:
            return step, "chunk_after_end" if ended else None
        if ended:
            return step, "second_end"
        self._ended[payload.UUID] = None
        if self._remembered is not None and len(self._ended) > self._remembered:
            oldest = next(iter(self._ended))
            del self._ended[oldest], self._known[oldest]
        return step, None if payload.event_category is category else "other_category"

    def opened(self, payload: IntermediateStepPayload, step: T) -> None:
        """A START has made ``step``."""
        self._known[payload.UUID] = (step, payload.event_category)

    def find(self, step_uuid: str) -> T | None:
        """The step with this UUID, open or ended."""
        known = self._known.get(step_uuid)
        return known[0] if known is not None else None

    def still_open(self) -> list[T]:
        """The steps that have no END."""
        return [step for key, (step, _) in self._known.items() if key not in self._ended]


class PushedStep(NamedTuple):
    """A step as it was pushed, and the mark it was kept with."""

    step: IntermediateStep
    anomaly: str | None


def step_text(step: Mapping[str, object], anomaly: Anomaly | None) -> str:
    """The payload of a step's event record: the step as JSON, with its mark beside it."""
    return dump(step if anomaly is None else {**step, "anomaly": anomaly})


@dataclass(slots=True)
class _Building:
    """A span that is being put together from a stream."""

    span_id: str
    parent_span_id: str | None
    name: str
    kind: str
    span_kind: int
    start_ns: int
    attributes: dict[str, AttributeValue]
    end_ns: int | None = None
    status: int = STATUS_UNSET
    status_message: str | None = None
    events: list[SpanEvent] = field(default_factory=list)
    chunks: int = 0
    version: int = 0


def to_records(
    steps: Iterable[IntermediateStep],
    *,
    session_key: str,
    trace_id: str | None = None,
    parent_span_id: str | None = None,
    resource: Attributes | None = None,
) -> list[Record]:
    """The spans of a stream of steps, and each step as an event on its span.

    Under ``parent_span_id`` (in ``trace_id``) where there is one; else the stream's first top-level WORKFLOW is the
    session. Ids are made from the session's key and the steps' UUIDs, so that the same stream gives the same records.
    """
    stream = _Stream(session_key, trace_id or _digest(16, session_key), parent_span_id, resource or {})
    for step in steps:
        stream.push(step)
    return stream.records()


def from_records(records: Iterable[Record]) -> list[IntermediateStep]:
    """The steps that were pushed, in the order in which they were: the inverse of :func:`to_records`."""
    return [pushed.step for pushed in pushed_steps(records)]


def pushed_steps(records: Iterable[Record]) -> list[PushedStep]:
    """The same with their marks. Records that hold no pushed step count for nothing; neither does a duplicate."""
    held = RecordSet(records)
    events = dict(held.events)
    for span in held.spans.values():
        for event in packed_events(span):
            events.setdefault(event.key, event)
    found = []
    for event in sorted(events.values(), key=lambda event: (event.sequence, event.trace_id, event.span_id)):
        note = read_note(event)
        if isinstance(note, PushedNote):
            found.append(PushedStep(IntermediateStep.model_validate(note.text.value), note.anomaly))
    return found


class _Stream:
    def __init__(self, session_key: str, trace_id: str, parent_span_id: str | None, resource: Attributes) -> None:
        self._session_key = session_key
        self._trace_id = trace_id
        self._parent = parent_span_id
        self._resource = resource
        self._pairing: StepPairing[_Building] = StepPairing()
        self._spans: list[_Building] = []
        self._events: list[EventRecord] = []
        self._sequence = 0

    def push(self, step: IntermediateStep) -> None:
        payload = step.payload
        value = _normal(step)
        pushed = value["payload"] if isinstance(value["payload"], dict) else {}
        time_ns = time_of(payload.event_timestamp)
        self._sequence = max(self._sequence + 1, min(time_ns, _SEQUENCE_MAX))
        span, anomaly = self._pairing.place(payload)
        if span is None and anomaly is None and payload.event_state is IntermediateStepState.START:
            span = self._open(step, pushed, time_ns)
            self._pairing.opened(payload, span)
        elif span is None and anomaly is None:  # what an adapter reports belongs to the step around it
            around = self._pairing.find(step.parent_id)
            span_id = around.span_id if around is not None else self._parent
            if span_id is not None:
                self._report(span_id, value, None)
                return
        if span is None:
            span = self._alone(step, pushed, time_ns, anomaly)
        elif payload.event_state is IntermediateStepState.CHUNK:
            span.chunks += 1
        elif payload.event_state is IntermediateStepState.END and anomaly in (None, "other_category"):
            self._close(span, pushed, time_ns)
        span.version = self._sequence
        self._report(span.span_id, value, anomaly)

    def _open(self, step: IntermediateStep, pushed: JsonObject, time_ns: int) -> _Building:
        around = self._pairing.find(step.parent_id)
        parent = around.span_id if around is not None else self._parent
        opened = opening(pushed, outermost=parent is None)
        attributes = {**opened.attributes, semconv.ATLAS_SESSION_ID: self._session_key}
        return self._build(step, parent, opened.name, opened.kind, opened.span_kind, time_ns, attributes)

    def _alone(self, step: IntermediateStep, pushed: JsonObject, time_ns: int, anomaly: Anomaly | None) -> _Building:
        """A span of no duration for what has none."""
        around = self._pairing.find(step.parent_id)
        attributes: dict[str, AttributeValue] = {
            semconv.ATLAS_KIND: "custom",
            semconv.ATLAS_SESSION_ID: self._session_key,
            semconv.ATLAS_PUSHED_UUID: step.payload.UUID,
        }
        if anomaly is not None:
            attributes[semconv.ATLAS_ANOMALY] = anomaly
        parent = around.span_id if around is not None else self._parent
        name = step.payload.name or step.payload.event_type.value
        span = self._build(step, parent, name, "custom", 1, time_ns, attributes)
        span.end_ns = time_ns
        return span

    def _build(
        self,
        step: IntermediateStep,
        parent: str | None,
        name: str,
        kind: str,
        span_kind: int,
        time_ns: int,
        attributes: dict[str, AttributeValue],
    ) -> _Building:
        span_id = _digest(8, self._session_key, step.payload.UUID, str(len(self._spans)))
        span = _Building(span_id, parent, name, kind, span_kind, time_ns, attributes)
        self._spans.append(span)
        return span

    def _close(self, span: _Building, pushed: JsonObject, time_ns: int) -> None:
        closed = closing(span.kind, pushed)
        span.attributes |= closed.attributes
        span.end_ns = max(time_ns, span.start_ns)
        if closed.error is not None:
            span.status = STATUS_ERROR
            span.status_message = ": ".join(filter(None, closed.error))
            span.attributes[semconv.ERROR_TYPE] = closed.error[0]
            shown = {semconv.EXCEPTION_TYPE: closed.error[0], semconv.EXCEPTION_MESSAGE: closed.error[1]}
            span.events.append(SpanEvent(semconv.EVENT_EXCEPTION, span.end_ns, shown))

    def _report(self, span_id: str, value: JsonObject, anomaly: Anomaly | None) -> None:
        self._events.append(
            EventRecord(
                self._trace_id,
                span_id,
                self._sequence,
                self._session_key,
                semconv.EVENT_INTERMEDIATE_STEP,
                step_text(value, anomaly),
            )
        )

    def records(self) -> list[Record]:
        spans: Sequence[Record] = [self._record(span) for span in self._spans]
        return [*spans, *self._events]

    def _record(self, span: _Building) -> SpanRecord:
        if span.chunks:
            span.attributes[semconv.ATLAS_STREAM_CHUNKS] = span.chunks
        return SpanRecord(
            trace_id=self._trace_id,
            span_id=span.span_id,
            parent_span_id=span.parent_span_id,
            session_key=self._session_key,
            name=span.name,
            kind=span.kind,
            span_kind=span.span_kind,
            start_ns=span.start_ns,
            end_ns=span.end_ns,
            status=span.status,
            status_message=span.status_message,
            attributes=span.attributes,
            events=tuple(span.events),
            links=(),
            scope=semconv.SCOPE_NAME,
            resource=self._resource,
            rank=RANK_OPEN if span.end_ns is None else RANK_ENDED,
            version=span.version,
        )


def _normal(step: IntermediateStep) -> JsonObject:
    tree = to_tree(step.model_dump(mode="python")).tree
    if not isinstance(tree, dict):
        raise TypeError("a step is an object")
    return tree


def _digest(size: int, *parts: str) -> str:
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=size).hexdigest()

"""Records of runs, as a recorder makes them: what the cases about the store write and project."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final, Literal

import orjson

from atlas_otel import semconv
from atlas_otel.records.record import RANK_ENDED, RANK_OPEN, EventRecord, SpanRecord
from benchmarks.task import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlas_otel.records.record import Attributes, Record

Shape = Literal["steps of 100 spans", "one step", "no step"]

_BEGIN_NS: Final = 1_760_000_000_000_000_000
_MILLISECOND: Final = 1_000_000
_RESOURCE: Final[Attributes] = {"service.name": "bench", "telemetry.sdk.language": "python", "process.pid": 4242}
_TEXTS: Final = [text(1700, seed) for seed in range(64)]
_STEPS: Final = 3
_CALLS: Final = 9
"""Model and tool calls in a step of a whole session."""


class Run:
    """One session: its key and trace, and a clock that goes a millisecond on with each record."""

    def __init__(self, number: int, tag: str = "run") -> None:
        chance = random.Random(f"{tag} {number}")
        self.key = f"{tag}-{number:08}"
        self._trace = f"{chance.getrandbits(128):032x}"
        self._first = chance.getrandbits(40) << 20
        self._chance = chance
        self._spans = 0
        self._now = _BEGIN_NS + number * _MILLISECOND

    def _tick(self) -> int:
        self._now += _MILLISECOND
        return self._now

    def said(self, size: int = 1700) -> str:
        """Some text, as JSON."""
        return orjson.dumps(self._chance.choice(_TEXTS)[:size]).decode()

    def start(self, kind: str, parent: SpanRecord | None, **attributes: Any) -> SpanRecord:
        """A span that runs."""
        self._spans += 1
        start_ns = self._tick()
        return SpanRecord(
            trace_id=self._trace,
            span_id=f"{self._first + self._spans:016x}",
            parent_span_id=parent.span_id if parent is not None else None,
            session_key=self.key,
            name=f"{kind} {self._spans}",
            kind=kind,
            span_kind=1,
            start_ns=start_ns,
            end_ns=None,
            status=0,
            status_message=None,
            attributes={semconv.ATLAS_KIND: kind, semconv.ATLAS_SESSION_ID: self.key, **attributes},
            events=(),
            links=(),
            scope=semconv.SCOPE_NAME,
            resource=_RESOURCE,
            rank=RANK_OPEN,
            version=start_ns,
        )

    def end(self, span: SpanRecord, **attributes: Any) -> SpanRecord:
        """The same span, over."""
        now = self._tick()
        return span._replace(
            end_ns=now, status=1, rank=RANK_ENDED, version=now, attributes={**span.attributes, **attributes}
        )

    def event(self, span: SpanRecord, name: str, payload: object) -> EventRecord:
        """Something reported on a span."""
        held = orjson.dumps(payload).decode()
        return EventRecord(span.trace_id, span.span_id, self._tick(), self.key, name, held)

    def session(self) -> SpanRecord:
        """The session's own span, as it starts."""
        attributes = {semconv.ATLAS_TASK: "Look after the tickets.", semconv.GEN_AI_AGENT_NAME: "desk"}
        return self.start("session", None, **attributes)

    def step(self, root: SpanRecord, number: int) -> SpanRecord:
        """A step's span, as it starts."""
        attributes = {semconv.ATLAS_STEP_ID: number, semconv.ATLAS_STEP_ATTEMPT: 1}
        return self.start("step", root, **attributes, **{semconv.ATLAS_STEP_DESCRIPTION: f"Do part {number}."})

    def tool(self, parent: SpanRecord, size: int = 1700) -> SpanRecord:
        """A tool's call, over."""
        held = {semconv.GEN_AI_TOOL_NAME: "search", semconv.GEN_AI_TOOL_CALL_ARGUMENTS: '{"query":"open tickets"}'}
        for key in (semconv.ATLAS_STEP_ID, semconv.ATLAS_STEP_ATTEMPT):
            if key in parent.attributes:
                held[key] = parent.attributes[key]  # type: ignore[assignment]
        return self.end(self.start("tool", parent, **held), **{semconv.GEN_AI_TOOL_CALL_RESULT: self.said(size)})

    def model(self, parent: SpanRecord) -> SpanRecord:
        """A model's call, over."""
        asked = orjson.dumps([{"role": "user", "parts": [{"type": "text", "content": self.said(900)}]}]).decode()
        told = orjson.dumps([{"role": "assistant", "parts": [{"type": "text", "content": self.said(700)}]}]).decode()
        held = {semconv.GEN_AI_REQUEST_MODEL: "a-model", semconv.GEN_AI_OPERATION_NAME: "chat"}
        answered = {
            semconv.GEN_AI_OUTPUT_MESSAGES: told,
            semconv.GEN_AI_USAGE_INPUT_TOKENS: 240,
            semconv.GEN_AI_USAGE_OUTPUT_TOKENS: 180,
        }
        return self.end(self.start("llm", parent, **held, **{semconv.GEN_AI_INPUT_MESSAGES: asked}), **answered)


def whole_session(number: int, tag: str = "whole") -> list[Record]:
    """A run of three steps, as it stands in a spool once it is over: 31 spans of 2 KB, its plan, guidance, rewards."""
    run = Run(number, tag)
    root = run.session()
    plan = {"steps": [{"id": n, "description": f"Do part {n}."} for n in range(1, _STEPS + 1)]}
    records: list[Record] = [run.event(root, semconv.EVENT_PLAN, plan)]
    for n in range(1, _STEPS + 1):
        step = run.step(root, n)
        records += [run.model(step) if call % 2 == 0 else run.tool(step) for call in range(_CALLS)]
        records.append(run.event(step, semconv.EVENT_VALIDATION, {"valid": True, "reason": "It holds."}))
        records.append(run.event(step, semconv.EVENT_REWARD, {"name": "reward", "score": 0.75, "judge": "j"}))
        if n == 2:
            records.append(run.event(step, semconv.EVENT_GUIDANCE, {"note": "Name the number."}))
        records.append(run.end(step, **{semconv.ATLAS_OUTPUT: run.said(600)}))
    records.append(run.event(root, semconv.EVENT_REWARD, {"name": "reward", "score": 0.9, "judge": "j"}))
    return [*records, run.end(root, **{semconv.ATLAS_OUTPUT: run.said(600)})]


def long_session(spans: int, shape: Shape, number: int = 0) -> Iterator[Record]:
    """A run of so many spans, in the order in which its records come: what runs first open, then ended."""
    run = Run(number, f"{shape}, {spans}")
    root = run.session()
    yield root
    step: SpanRecord | None = None
    for n in range(1, spans):
        begins = n == 1 if shape == "one step" else shape != "no step" and n % 100 == 1
        if begins:
            if step is not None:
                yield run.end(step)
            step = run.step(root, n // 100 + 1)
            yield step
        else:
            yield run.tool(step if step is not None else root, 300)
    if step is not None:
        yield run.end(step)
    yield run.end(root)

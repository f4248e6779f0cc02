"""Records made by hand, and strategies for records of whole runs."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from atlas_otel import semconv
from atlas_otel.records.record import (
    RANK_ENDED,
    RANK_ENDED_OTLP,
    RANK_OPEN,
    RANK_REAPED,
    STATUS_ERROR,
    EventRecord,
    Record,
    SpanEvent,
    SpanLink,
    SpanRecord,
)
from tests.support.records import make_span

SESSION = "5" * 32
TRACE = "7" * 32
SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


def at(seconds: float) -> int:
    return START + int(seconds * SECOND)


@dataclass
class Run:
    """Writes the records of one session down; times are seconds after START."""

    session: str = SESSION
    trace: str = TRACE
    records: list[Record] = field(default_factory=list)

    def span(
        self,
        span_id: int,
        parent: int | None,
        kind: str | None,
        name: str,
        begin: float,
        end: float | None,
        attributes: dict[str, Any] | None = None,
        *,
        error: tuple[str, str] | None = None,
        rank: int | None = None,
        stamped: bool = True,
        links: tuple[SpanLink, ...] = (),
        events: tuple[SpanEvent, ...] = (),
        trace: str | None = None,
    ) -> SpanRecord:
        held: dict[str, Any] = {}
        if kind is not None:
            held[semconv.ATLAS_KIND] = kind
        if stamped:
            held[semconv.ATLAS_SESSION_ID] = self.session
        held |= attributes or {}
        if error is not None:
            held[semconv.ERROR_TYPE] = error[0]
            shown = {semconv.EXCEPTION_TYPE: error[0], semconv.EXCEPTION_MESSAGE: error[1]}
            events = (*events, SpanEvent(semconv.EVENT_EXCEPTION, at(end or begin), shown))
        record = make_span(
            trace_id=trace or self.trace,
            span_id=f"{span_id:016x}",
            parent_span_id=None if parent is None else f"{parent:016x}",
            session_key=self.session,
            name=name,
            kind=kind,
            span_kind=1,
            start_ns=at(begin),
            end_ns=None if end is None else at(end),
            status=STATUS_ERROR if error is not None else 0,
            status_message=None if error is None else ": ".join(error),
            attributes=held,
            events=events,
            links=links,
            scope=semconv.SCOPE_NAME,
            resource={semconv.SERVICE_NAME: "tests"},
            rank=rank if rank is not None else (RANK_OPEN if end is None else RANK_ENDED),
            version=at(begin if end is None else end),
        )
        self.records.append(record)
        return record

    def step(
        self,
        span_id: int,
        parent: int | None,
        step: int | None,
        attempt: int | None,
        begin: float,
        end: float | None,
        description: str = "",
        **more: Any,
    ) -> SpanRecord:
        attributes = {semconv.ATLAS_STEP_DESCRIPTION: description, **more.pop("attributes", {})}
        if step is not None:
            attributes[semconv.ATLAS_STEP_ID] = step
        if attempt is not None:
            attributes[semconv.ATLAS_STEP_ATTEMPT] = attempt
        return self.span(span_id, parent, "step", f"step {step}: {description}", begin, end, attributes, **more)

    def event(self, span_id: int, seconds: float, name: str, payload: Any, *, trace: str | None = None) -> EventRecord:
        text = payload if isinstance(payload, str) else json.dumps(payload)
        record = EventRecord(trace or self.trace, f"{span_id:016x}", at(seconds), self.session, name, text)
        self.records.append(record)
        return record

    def reward(self, span_id: int, seconds: float, score: Any, **more: Any) -> EventRecord:
        payload = {"name": "reward", "score": score, **more}
        return self.event(span_id, seconds, semconv.EVENT_REWARD, payload)


_TEXT = st.sampled_from(["", "plain", '{"status": "ok", "artifacts": [1]}', "[1, 2]", "null", '"said"', "{cut", "é\n→"])
_SCORE = st.one_of(st.just(1.7e308), st.floats(), st.none(), st.text(max_size=2), st.integers(-3, 3))
_TARGET = st.one_of(
    st.none(),
    st.fixed_dictionaries({"step": st.integers(-1, 4)}, optional={"attempt": st.integers(0, 4)}),
    st.fixed_dictionaries({"span_id": st.integers(0, 9).map(lambda n: f"{n:016x}")}),
    st.just({"session": True}),
)
_PUSHED = st.builds(
    lambda kind, uuid, anomaly: {
        "parent_id": "root",
        "function_ancestry": {"function_id": "root", "function_name": "root"},
        "payload": {"UUID": uuid, "event_type": kind, "event_timestamp": 1.5, "name": "n", "data": {"output": uuid}},
        **({"anomaly": "second_end"} if anomaly else {}),
    },
    st.sampled_from(["TOOL_START", "TOOL_END", "ADAPTER_EVENT", "LLM_NEW_TOKEN"]),
    st.sampled_from(["a", "b"]),
    st.booleans(),
)
_PAYLOADS: dict[str, st.SearchStrategy[Any]] = {
    semconv.EVENT_REWARD: st.fixed_dictionaries(
        {"score": _SCORE},
        optional={
            "name": st.sampled_from(["reward", "style", ""]),
            "primary": st.booleans(),
            "judge": st.just("j"),
            "judges": st.just([{"identifier": "k", "score": None, "samples": [{"score": 0.5, "uncertainty": 0.1}, 3]}]),
            "target": _TARGET,
        },
    ),
    semconv.EVENT_GUIDANCE: st.fixed_dictionaries(
        {"note": st.sampled_from(["a", "b", "c"])}, optional={"target": _TARGET}
    ),
    semconv.EVENT_VALIDATION: st.fixed_dictionaries({"valid": st.booleans()}, optional={"target": _TARGET}),
    semconv.EVENT_METADATA: st.fixed_dictionaries(
        {"metadata": st.dictionaries(st.sampled_from(["tenant", "status", "x"]), st.integers(0, 3))},
        optional={"target": _TARGET},
    ),
    semconv.EVENT_PLAN: st.fixed_dictionaries(
        {"steps": st.lists(st.sampled_from(["collect", "write", {"id": 3, "description": "check", "depends_on": [1]}]))}
    ),
    semconv.EVENT_ADAPTER: st.fixed_dictionaries({"name": st.just("env_action"), "payload": st.integers()}),
    semconv.EVENT_INTERMEDIATE_STEP: _PUSHED,
    "something.else": st.just({"a": 1}),
}
_PAYLOAD = st.sampled_from(sorted(_PAYLOADS)).flatmap(lambda name: st.tuples(st.just(name), _PAYLOADS[name]))
_BROKEN = st.tuples(st.sampled_from(sorted(_PAYLOADS)), st.sampled_from(["", "{", "null", "[]", "7", '{"payload": 1}']))

_KEYS = sorted({value for name, value in vars(semconv).items() if name.isupper() and isinstance(value, str)})
_ODD: list[Any] = [
    "",
    "{",
    "null",
    '{"step": {"id": "x"}, "attempt": 1, "guidance": ["g", 1]}',
    7,
    -1.5,
    True,
    None,
    ["a", None],
    [],
]


@st.composite
def _spans(draw: st.DrawFn) -> list[Record]:
    """Snapshots of one span: open, reaped, ended, by either way."""
    made = Run()
    span_id = draw(st.integers(1, 9))
    kind = draw(
        st.sampled_from(["session", "session", "step", "step", "tool", "llm", "agent", "reward", "custom", None])
    )
    attributes: dict[str, Any] = {}
    optional = {
        semconv.ATLAS_STEP_ID: st.integers(0, 3),
        semconv.ATLAS_STEP_ATTEMPT: st.integers(1, 3),
        semconv.ATLAS_STEP_DESCRIPTION: st.sampled_from(["collect", "write"]),
        semconv.ATLAS_TASK: st.just("the task"),
        semconv.ATLAS_INPUT: _TEXT,
        semconv.ATLAS_OUTPUT: _TEXT,
        semconv.ATLAS_METADATA: st.sampled_from(['{"status": 1}', "[", '{"tags": 2}']),
        semconv.GEN_AI_OPERATION_NAME: st.sampled_from(["chat", "execute_tool", "invoke_agent", "plan"]),
        semconv.GEN_AI_USAGE_INPUT_TOKENS: st.integers(0, 5),
        semconv.GEN_AI_OUTPUT_MESSAGES: st.sampled_from(
            [
                '[{"role": "assistant", "parts": [{"type": "reasoning", "content": "hm"}, {"content": "so"}]}]',
                "[1]",
            ]
        ),
        semconv.ATLAS_PUSHED_UUID: st.just("a"),
        semconv.ATLAS_EVENTS: st.sampled_from(
            ["[", "[[5, 1]]", '[[1700000000000000001, "atlas.guidance", {"note": "g"}]]']
        ),
    }
    for key, values in optional.items():
        if draw(st.booleans()):
            attributes[key] = draw(values)
    attributes |= draw(st.dictionaries(st.sampled_from(_KEYS), st.sampled_from(_ODD), max_size=3))
    parent = draw(st.one_of(st.none(), st.integers(1, 9)))
    begin = draw(st.integers(0, 20))
    end = begin + draw(st.integers(0, 20))
    stamped = draw(st.booleans())
    for rank in draw(
        st.lists(st.sampled_from([RANK_OPEN, RANK_REAPED, RANK_ENDED_OTLP, RANK_ENDED]), min_size=1, max_size=3)
    ):
        made.span(
            span_id,
            parent,
            kind,
            f"span {span_id}",
            begin,
            None if rank == RANK_OPEN else end,
            attributes,
            rank=rank,
            stamped=stamped,
            error=draw(st.sampled_from([None, None, ("ValueError", "no")])),
        )
    return made.records


@st.composite
def any_records(draw: st.DrawFn) -> list[Record]:
    records = [record for spans in draw(st.lists(_spans(), max_size=8)) for record in spans]
    made = Run()
    for _ in range(draw(st.integers(0, 8))):
        name, payload = draw(st.one_of(_PAYLOAD, _BROKEN))
        made.event(draw(st.integers(1, 9)), draw(st.integers(0, 30)), name, payload)
    return records + made.records

"""Traces as Langfuse exports them → records. Pure.

Its page downloads ``{"trace": …, "observations": […]}``; its API gives a trace that holds its ``observations`` and
``scores``, and lists of observations (``{"data": […]}``); a batch export is a list, or a line, of either. Each becomes
the span that Langfuse's own SDK would send (``langfuse.observation.*``), a score an evaluation event on what it is
about. Ids that are not OpenTelemetry's (older SDKs: UUIDs) become a digest of themselves. Where several observations
stand side by side, or the only one is a model call, the trace is a span of its own around them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from atlas_otel import semconv
from atlas_otel.otlp.console import kept_attributes
from atlas_otel.otlp.json import object_of, objects, text
from atlas_otel.otlp.plain import any_id, time_ns
from atlas_otel.otlp.spans import Decoded, NotASpan, RawSpan, Receiver
from atlas_otel.records.json_text import dump
from atlas_otel.records.record import SpanEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from atlas_otel.capture.capture import Capture
    from atlas_otel.otlp.attributes import Keeper

_TIMELESS_NS: Final = 1
"""When something was that has no time: the first moment that a record can hold."""
_MODEL_CALLS: Final = frozenset({"generation", "embedding"})
_ERROR: Final = 2
_USAGE: Final = {"promptTokens": "input", "completionTokens": "output", "totalTokens": "total"}


class _Trace(NamedTuple):
    about: Mapping[str, Any]
    observations: Sequence[Mapping[str, Any]]
    scores: Sequence[Mapping[str, Any]]


def is_langfuse_trace(value: Mapping[str, Any]) -> bool:
    """Whether an object is a trace, with its observations beside it or in it."""
    listed = isinstance(value.get("observations"), list)
    return listed and (isinstance(value.get("trace"), dict) or "id" in value)


def is_langfuse_observation(value: Mapping[str, Any]) -> bool:
    """Whether an object is one observation."""
    return "traceId" in value and "id" in value and isinstance(value.get("type"), str)


def decode_langfuse(values: Iterable[object], capture: Capture) -> Decoded:
    """The records of traces and observations in this form."""
    receiver = Receiver(capture)
    receiver.begin_resource({})
    receiver.begin_scope(semconv.LANGFUSE_SCOPE)
    for trace in _traces(values):
        begin_ns, end_ns = _extent(trace)
        tops = [one for one in trace.observations if not one.get("parentObservationId")]
        alone = tops[0] if len(tops) == 1 and _type(tops[0]) not in _MODEL_CALLS else None
        around = "" if alone is not None or not trace.about else any_id(f"trace {_id(trace)}", 16)
        try:
            if around:
                times = (begin_ns, end_ns)
                receiver.add(_span(trace, {}, around, "", times, _trace_scores(trace), receiver.keeper))
        except NotASpan as reason:
            receiver.refuse(str(reason))
        for one in trace.observations:
            try:
                times = _times(one, begin_ns)
                parent = any_id(one.get("parentObservationId"), 16) or around
                scores = [score for score in trace.scores if score.get("observationId") == one.get("id")]
                scores += _trace_scores(trace) if one is alone else []
                about = trace if one is alone else trace._replace(about={})
                receiver.add(_span(about, one, any_id(one.get("id"), 16), parent, times, scores, receiver.keeper))
            except NotASpan as reason:
                receiver.refuse(str(reason))
    return receiver.decoded()


def _traces(values: Iterable[object]) -> list[_Trace]:
    """Whole traces; observations that came by themselves are put together by the trace that they name."""
    found: list[_Trace] = []
    loose: dict[str, list[Mapping[str, Any]]] = {}
    for value in map(object_of, values):
        if is_langfuse_trace(value):
            about = object_of(value.get("trace")) or value
            scores = [*objects(about.get("scores")), *(objects(value.get("scores")) if about is not value else ())]
            found.append(_Trace(about, list(objects(value.get("observations"))), scores))
        elif is_langfuse_observation(value):
            loose.setdefault(text(value.get("traceId")), []).append(value)
    return [*found, *(_Trace({}, observations, []) for observations in loose.values())]


def _trace_scores(trace: _Trace) -> list[Mapping[str, Any]]:
    return [score for score in trace.scores if not score.get("observationId")]


def _id(trace: _Trace) -> str:
    return text(trace.about.get("id")) or next((text(one.get("traceId")) for one in trace.observations), "")


def _extent(trace: _Trace) -> tuple[int, int]:
    begin_ns = _known_ns(trace.about.get("timestamp")) or _known_ns(trace.about.get("createdAt"))
    starts = [at for one in trace.observations if (at := _known_ns(one.get("startTime")))]
    ends = [at for one in trace.observations if (at := _known_ns(one.get("endTime")))]
    begin_ns = min([*starts, *([begin_ns] if begin_ns else [])], default=_TIMELESS_NS)
    return begin_ns, max([*ends, *starts], default=begin_ns)


def _known_ns(value: object) -> int:
    try:
        return time_ns(value)
    except NotASpan:  # it costs its observation, and not the trace
        return 0


def _times(observation: Mapping[str, Any], begin_ns: int) -> tuple[int, int]:
    start_ns = time_ns(observation.get("startTime")) or begin_ns
    return start_ns, time_ns(observation.get("endTime")) or start_ns


def _span(
    trace: _Trace,
    observation: Mapping[str, Any],
    span_id: str,
    parent: str,
    times: tuple[int, int],
    scores: Sequence[Mapping[str, Any]],
    keeper: Keeper,
) -> RawSpan:
    about = trace.about
    attributes = {**(_of_observation(observation) if observation else {}), **_of_trace(about)}
    failed = text(observation.get("level")) == "ERROR"
    return RawSpan(
        any_id(observation.get("traceId") or about.get("id"), 32),
        span_id,
        parent,
        text(observation.get("name")) or text(about.get("name")) or _type(observation),
        0,
        *times,
        kept_attributes({name: value for name, value in attributes.items() if value not in (None, "")}, keeper),
        _evaluations(scores, times[1], keeper),
        [],
        _ERROR if failed else 0,
        text(observation.get("statusMessage")) if failed else "",
    )


def _of_observation(one: Mapping[str, Any]) -> dict[str, object]:
    usage = one.get("usageDetails") or {
        _USAGE.get(name, name): number
        for name, number in {**object_of(one.get("usage")), **{n: one.get(n) for n in _USAGE}}.items()
        if isinstance(number, (int, float)) and number
    }
    return {
        semconv.LANGFUSE_TYPE: _type(one),
        semconv.LANGFUSE_INPUT: _text(one.get("input")),
        semconv.LANGFUSE_OUTPUT: _text(one.get("output")),
        semconv.LANGFUSE_METADATA: _text(one.get("metadata")),
        semconv.LANGFUSE_MODEL: one.get("model") or one.get("providedModelName"),
        semconv.LANGFUSE_MODEL_PARAMETERS: _text(one.get("modelParameters")),
        semconv.LANGFUSE_USAGE: _text(usage or None),
        semconv.LANGFUSE_LEVEL: one.get("level"),
        semconv.LANGFUSE_STATUS_MESSAGE: one.get("statusMessage"),
    }


def _of_trace(about: Mapping[str, Any]) -> dict[str, object]:
    return {
        semconv.LANGFUSE_TRACE_NAME: about.get("name"),
        semconv.LANGFUSE_TRACE_INPUT: _text(about.get("input")),
        semconv.LANGFUSE_TRACE_OUTPUT: _text(about.get("output")),
        semconv.LANGFUSE_TRACE_TAGS: about.get("tags"),
        semconv.LANGFUSE_TRACE_METADATA: _text(about.get("metadata")),
        semconv.LANGFUSE_SESSION_ID: about.get("sessionId"),
        semconv.LANGFUSE_USER_ID: about.get("userId"),
    }


def _evaluations(scores: Sequence[Mapping[str, Any]], end_ns: int, keeper: Keeper) -> list[SpanEvent]:
    found = []
    for number, score in enumerate(scores):
        said = {
            semconv.GEN_AI_EVALUATION_NAME: score.get("name"),
            semconv.GEN_AI_EVALUATION_SCORE: score.get("value"),
            semconv.GEN_AI_EVALUATION_LABEL: score.get("stringValue"),
            semconv.GEN_AI_EVALUATION_EXPLANATION: score.get("comment"),
        }
        given = {name: value for name, value in said.items() if value is not None}
        at = _known_ns(score.get("timestamp")) or end_ns + number
        found.append(SpanEvent(semconv.EVENT_REWARD, at, kept_attributes(given, keeper)))
    return found


def _type(observation: Mapping[str, Any]) -> str:
    return text(observation.get("type")).lower()


def _text(value: object) -> object:
    return value if value is None or isinstance(value, str) else dump(value)

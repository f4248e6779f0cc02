"""Traces of MLflow as JSON, what ``Trace.to_json`` gives → records. Pure.

``{"info": …, "data": {"spans": […]}}`` (mlflow.entities.trace). Spans since MLflow 3 are OTLP's with plain attributes
and ids in base64 (hex in 3.5); before, ids stand in ``context``. What stands of the conversation, of the user and of
assessments in ``info`` is given to the span that it is about, as MLflow would write it there.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, Final

from atlas_otel import semconv
from atlas_otel.otlp.console import kept_attributes
from atlas_otel.otlp.json import object_of, objects, text
from atlas_otel.otlp.plain import hex_only, time_ns
from atlas_otel.otlp.spans import Decoded, NotASpan, RawSpan, Receiver
from atlas_otel.records.record import SpanEvent, SpanLink

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from atlas_otel.capture.capture import Capture
    from atlas_otel.otlp.attributes import Keeper

_SCOPE: Final = "mlflow"
_STATUSES: Final = {"OK": 1, "ERROR": 2}
_IDS: Final = {16: 32, 8: 16}


def is_mlflow_trace(value: Mapping[str, Any]) -> bool:
    """Whether an object is a trace in this form."""
    data = value.get("data")
    return isinstance(value.get("info"), dict) and isinstance(data, dict) and isinstance(data.get("spans"), list)


def decode_mlflow(traces: Iterable[object], capture: Capture) -> Decoded:
    """The records of traces in this form."""
    receiver = Receiver(capture)
    receiver.begin_resource({})
    receiver.begin_scope(_SCOPE)
    for trace in traces:
        info = object_of(object_of(trace).get("info"))
        for span in objects(object_of(object_of(trace).get("data")).get("spans")):
            try:
                receiver.add(_raw(span, info, receiver.keeper))
            except NotASpan as reason:
                receiver.refuse(str(reason))
    return receiver.decoded()


def _raw(span: Mapping[str, Any], info: Mapping[str, Any], keeper: Keeper) -> RawSpan:
    context, status = object_of(span.get("context")), object_of(span.get("status"))
    span_id = _id(context.get("span_id", span.get("span_id")))
    parent = _id(span.get("parent_span_id", span.get("parent_id")))
    end_ns = time_ns(span.get("end_time_unix_nano", span.get("end_time")))
    code = text(status.get("code", span.get("status_code"))).rpartition("_")[2]
    attributes: dict[str, object] = dict(object_of(span.get("attributes")))
    if not parent:
        about = {**object_of(info.get("request_metadata")), **object_of(info.get("trace_metadata"))}
        for name in (semconv.MLFLOW_SESSION, semconv.MLFLOW_USER):
            if name in about:
                attributes.setdefault(name, about[name])
    return RawSpan(
        _id(context.get("trace_id", span.get("trace_id"))),
        span_id,
        parent,
        text(span.get("name")),
        0,
        time_ns(span.get("start_time_unix_nano", span.get("start_time"))),
        end_ns,
        kept_attributes(attributes, keeper),
        [*_events(span, keeper), *_assessments(info, span_id, parent, end_ns, keeper)],
        [SpanLink(_id(link.get("trace_id")), _id(link.get("span_id")), {}) for link in objects(span.get("links"))],
        _STATUSES.get(code, 0),
        text(status.get("message", span.get("status_message"))),
    )


def _events(span: Mapping[str, Any], keeper: Keeper) -> list[SpanEvent]:
    return [
        SpanEvent(
            text(event.get("name")),
            time_ns(event.get("time_unix_nano", event.get("timestamp"))),
            kept_attributes(event.get("attributes"), keeper),
        )
        for event in objects(span.get("events"))
    ]


def _assessments(info: Mapping[str, Any], span_id: str, parent: str, end_ns: int, keeper: Keeper) -> list[SpanEvent]:
    """Feedback on this span, or on the trace where this is its root, as evaluation events of the conventions."""
    found: list[SpanEvent] = []
    for one in objects(info.get("assessments")):
        about = _id(one.get("span_id"))
        if one.get("feedback") is None or (about != span_id if about else bool(parent)):
            continue
        value = object_of(one.get("feedback")).get("value")
        score = float(value) if isinstance(value, (bool, int, float)) else None
        said = {
            semconv.GEN_AI_EVALUATION_NAME: one.get("assessment_name", one.get("name")),
            semconv.GEN_AI_EVALUATION_SCORE: score,
            semconv.GEN_AI_EVALUATION_LABEL: value if isinstance(value, str) else None,
            semconv.GEN_AI_EVALUATION_EXPLANATION: one.get("rationale"),
        }
        given = {name: value for name, value in said.items() if value is not None}
        at = time_ns(one.get("create_time")) or end_ns
        found.append(SpanEvent(semconv.EVENT_REWARD, at + len(found), kept_attributes(given, keeper)))
    return found


def _id(value: object) -> str:
    """An id in hex (``0x``, ``tr-`` before it), or in base64."""
    if not isinstance(value, str) or not value:
        return ""
    bare = value.rpartition("/")[2].removeprefix("tr-").removeprefix("0x")
    if len(bare) in _IDS.values() and hex_only(bare) == bare.lower():
        return bare.lower()
    try:
        held = base64.b64decode(bare, validate=True)
    except (binascii.Error, ValueError):
        return hex_only(bare)
    return held.hex() if len(held) in _IDS else hex_only(bare)

"""OTLP log records → event records: what GenAI instrumentations write as logs, on the spans that they name. Pure.

The conventions had messages as events, and instrumentations that follow an older version (the official one of the
openai SDK, unless told otherwise) still send them as log records; evaluations may come so too. Events of command-line
agents, which stand under no span, become spans (``agent_logs``). Other logs are let go.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import orjson

from atlas_otel import semconv
from atlas_otel.capture.normalise import to_tree
from atlas_otel.capture.privacy import sanitize_event
from atlas_otel.errors import RecordError
from atlas_otel.models.evaluation import finite
from atlas_otel.otlp import json as otlp_json
from atlas_otel.otlp import protobuf
from atlas_otel.otlp.agent_logs import on_its_call, spans_of_logs
from atlas_otel.otlp.claims import ANYBODY, as_claim
from atlas_otel.otlp.spans import MAX_NS, Decoded, NotASpan
from atlas_otel.projection.dialects import calling
from atlas_otel.projection.dialects.genai_events import is_message_event
from atlas_otel.records.record import EventRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from atlas_otel.capture.capture import Capture
    from atlas_otel.otlp.claims import Sender
    from atlas_otel.records.record import AttributeValue, Record

Taken: TypeAlias = "dict[tuple[str, str, int], EventRecord]"
_HEX: Final = frozenset("0123456789abcdef")
_NOTHING: Final[Mapping[str, AttributeValue]] = MappingProxyType({})


class RawLog(NamedTuple):
    """A log record as it was received: ids in lower-case hex, time in Unix nanoseconds (0: none)."""

    trace_id: str
    span_id: str
    name: str
    time_ns: int
    attributes: Mapping[str, AttributeValue]
    body: AttributeValue
    scope: str = ""
    resource: Mapping[str, AttributeValue] = _NOTHING


def decode_logs_protobuf(
    body: bytes, capture: Capture, sender: Sender = ANYBODY, taken: Taken | None = None
) -> list[Record]:
    """The records of an ``ExportLogsServiceRequest``. Raises RecordError where ``body`` is none.

    ``taken``: those of earlier parts of the same request.
    """
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from opentelemetry.proto.logs.v1 import logs_pb2

    from atlas_otel.otlp.utf8 import in_utf8

    # ``LogsData`` is the same on the wire as an ``ExportLogsServiceRequest``.
    try:
        try:
            request = logs_pb2.LogsData.FromString(body)
        except DecodeError:
            request = logs_pb2.LogsData.FromString(in_utf8(body, logs_pb2, "LogsData"))
    except DecodeError:
        raise RecordError("the body is not an ExportLogsServiceRequest in protobuf") from None
    return _records(_of_protobuf(request), capture, sender, taken)


def decode_logs_json(body: bytes, capture: Capture, sender: Sender = ANYBODY) -> list[Record]:
    """The same in JSON."""
    tree = otlp_json.load_json(body)
    if not isinstance(tree, dict) or not isinstance(tree.get("resourceLogs") or [], list):
        raise RecordError("the JSON is not an ExportLogsServiceRequest")
    return _records(_of_json(tree), capture, sender)


def decode_logs_tree(tree: Mapping[str, Any], capture: Capture, sender: Sender = ANYBODY) -> Decoded:
    """The same of JSON that is parsed already, such as a line that the Collector's file exporter wrote."""
    return Decoded(_records(_of_json(tree), capture, sender), 0, 0, ())


def _records(
    logs: Iterable[RawLog], capture: Capture, sender: Sender = ANYBODY, taken: Taken | None = None
) -> list[Record]:
    held = list(logs)
    return [*event_records(map(on_its_call, held), capture, sender, taken), *spans_of_logs(held, capture, sender)]


def event_records(
    logs: Iterable[RawLog], capture: Capture, sender: Sender = ANYBODY, taken: Taken | None = None
) -> list[EventRecord]:
    """The records of those logs that are GenAI events on a span.

    An event is known by its span and its time: of two at one time in a request, the second counts as a nanosecond
    later, so that a request that is sent again gives the same records.
    """
    found: Taken = {}
    before: Taken = {} if taken is None else taken
    for log in map(_in_one_event, logs):
        payload = _payload(log)
        if payload is None or not _has_ids(log) or not 0 < log.time_ns < MAX_NS:
            continue
        sequence = log.time_ns
        while (place := (log.trace_id, log.span_id, sequence)) in found or place in before:
            sequence += 1
        text = orjson.dumps(to_tree(payload).tree).decode()
        record = sanitize_event(EventRecord(log.trace_id, log.span_id, sequence, None, log.name, text), capture)
        if record is not None:
            found[record.key] = as_claim(record._replace(payload=capture.bounded_json(record.payload)), sender)
    before.update(found)
    return list(found.values())


def _has_ids(log: RawLog) -> bool:
    ids = (log.trace_id, 32), (log.span_id, 16)
    return all(len(one) == size and set(one) <= _HEX and set(one) != {"0"} for one, size in ids)


def _in_one_event(log: RawLog) -> RawLog:
    """A log of AWS' distribution (Bedrock AgentCore), which takes what was said out of spans of any instrumentation and
    sends it as ``{input: {messages}, output: {messages}}`` under the scope's name, as the conventions' one event."""
    body = calling.opened(log.body)
    if is_message_event(log.name) or not isinstance(body, dict):
        return log
    said = {
        key: [_said(one) for one in held["messages"] if isinstance(one, dict)]
        for key, name in _SIDES
        if isinstance(held := body.get(name), dict) and isinstance(held.get("messages"), list)
    }
    return log._replace(name=semconv.EVENT_GEN_AI_DETAILS, attributes={}, body=said) if said else log


_SIDES: Final = ((semconv.GEN_AI_INPUT_MESSAGES, "input"), (semconv.GEN_AI_OUTPUT_MESSAGES, "output"))


def _said(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message whose content may be an event's attributes, ``{content}`` or ``{message, finish_reason}``."""
    content = message.get("content")
    more = {}
    if isinstance(content, dict) and ("content" in content or "message" in content):
        more = {"finish_reason": content["finish_reason"]} if "finish_reason" in content else {}
        content = content.get("content", content.get("message"))
    return {"role": message.get("role"), "content": calling.opened_parts(content), **more}


def _payload(log: RawLog) -> dict[str, object] | None:
    """What an event record holds: a message's body and attributes, or a score in our own form; None for other logs."""
    if is_message_event(log.name):
        body = calling.opened(log.body)  # Semantic Kernel's is JSON text
        return {**log.attributes, **(body if isinstance(body, dict) else {"content": body} if body else {})}
    if log.name != semconv.EVENT_REWARD:
        return None
    said = {
        "name": log.attributes.get(semconv.GEN_AI_EVALUATION_NAME),
        "score": finite(log.attributes.get(semconv.GEN_AI_EVALUATION_SCORE)),
        "label": log.attributes.get(semconv.GEN_AI_EVALUATION_LABEL),
        "rationale": log.attributes.get(semconv.GEN_AI_EVALUATION_EXPLANATION),
        "target": {"span_id": log.span_id},
    }
    return {name: value for name, value in said.items() if value is not None}


def _of_protobuf(request: Any) -> Iterator[RawLog]:  # the generated classes have no types
    for of_resource in request.resource_logs:
        resource = protobuf._attributes(of_resource.resource.attributes)
        for of_scope in of_resource.scope_logs:
            for log in of_scope.log_records:
                attributes = protobuf._attributes(log.attributes)
                yield RawLog(
                    log.trace_id.hex(),
                    log.span_id.hex(),
                    log.event_name or _named(attributes),
                    log.time_unix_nano or log.observed_time_unix_nano,
                    attributes,
                    protobuf._value(log.body),
                    of_scope.scope.name,
                    resource,
                )


def _of_json(tree: Mapping[str, Any]) -> Iterator[RawLog]:
    for of_resource in otlp_json.objects(tree.get("resourceLogs")):
        resource = _attributes_of(of_resource.get("resource"))
        for of_scope in otlp_json.objects(of_resource.get("scopeLogs")):
            held = of_scope.get("scope")
            scope = otlp_json.text(held.get("name")) if isinstance(held, dict) else ""
            for log in otlp_json.objects(of_scope.get("logRecords")):
                try:
                    attributes = otlp_json._attributes(log.get("attributes"))
                    yield RawLog(
                        otlp_json.text(log.get("traceId")).lower(),
                        otlp_json.text(log.get("spanId")).lower(),
                        otlp_json.text(log.get("eventName")) or _named(attributes),
                        otlp_json.integer(log.get("timeUnixNano"))
                        or otlp_json.integer(log.get("observedTimeUnixNano")),
                        attributes,
                        otlp_json._value(log.get("body")),
                        scope,
                        resource,
                    )
                except (NotASpan, RecursionError):
                    continue


def _attributes_of(resource: object) -> Mapping[str, AttributeValue]:
    try:
        return otlp_json._attributes(resource.get("attributes")) if isinstance(resource, dict) else _NOTHING
    except (NotASpan, RecursionError):
        return _NOTHING


def _named(attributes: Mapping[str, AttributeValue]) -> str:
    name = attributes.get(semconv.LOG_EVENT_NAME)
    return name if isinstance(name, str) else ""

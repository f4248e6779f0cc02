"""Log records of agents that send no spans → spans, one for each, which the dialects read. Pure.

Command-line agents (Claude Code, Codex, Gemini CLI) send events as log records under no span, with the id of the
conversation and, except Codex, that of the prompt: prompts, model calls and tool results. All of one prompt (in Codex,
of one conversation) are one trace, whose ids follow from those, so that batches and repetitions give the same spans.
Claude Code's answers come apart from their calls: they are events on the call's span. A log of anybody else under no
span is kept too, where it names its conversation and looks like a model call.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from atlas_otel import semconv
from atlas_otel.capture.normalise import to_tree
from atlas_otel.capture.privacy import sanitize_resource
from atlas_otel.otlp.attributes import Keeper
from atlas_otel.otlp.claims import ANYBODY
from atlas_otel.otlp.spans import MAX_NS, NotASpan, RawSpan, records_of
from atlas_otel.projection.dialects import calling, cli_events
from atlas_otel.projection.dialects.genai_events import is_message_event
from atlas_otel.projection.unread import looks_like_a_call

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlas_otel.capture.capture import Capture
    from atlas_otel.otlp.claims import Sender
    from atlas_otel.otlp.logs import RawLog
    from atlas_otel.records.record import AttributeValue, Record

_MS: Final = 1_000_000
_CONVERSATIONS: Final = (
    semconv.GEN_AI_CONVERSATION_ID,
    semconv.SESSION_ID,
    semconv.CODEX_CONVERSATION,
)


class _Place(NamedTuple):
    """Where a log belongs: its event's whole name, what it holds, and the ids that follow from it."""

    name: str
    said: dict[str, AttributeValue]
    trace_id: str
    root: str
    is_root: bool


def spans_of_logs(logs: Iterable[RawLog], capture: Capture, sender: Sender = ANYBODY) -> list[Record]:
    """The spans of those logs that are an agent's events and stand under no span."""
    keeper = Keeper(capture)
    found: dict[str, Record] = {}
    for log in logs:
        place = _place(log)
        if place is None or cli_events.answer(place.name, place.said) is not None:
            continue
        span = _span(log, place, keeper)
        resource = sanitize_resource(log.resource, capture)
        resource = {name: value for name, value in resource.items() if name != semconv.ATLAS_SENDER}
        if sender.name is not None:
            resource[semconv.ATLAS_SENDER] = sender.name
        try:
            for record in records_of(span, log.scope, resource, capture, keeper, sender):
                found.setdefault(span.span_id, record)
        except NotASpan:
            continue
    return list(found.values())


def on_its_call(log: RawLog) -> RawLog:
    """An answer that came apart from its model call, as a log on the span of that call, or on the span that it names
    (Claude Code's, the whole prompt's); any other log as it is."""
    if (said := _answer_on_a_span(log)) is not None:
        return log._replace(
            name=semconv.EVENT_GEN_AI_DETAILS,
            attributes={semconv.GEN_AI_OUTPUT_MESSAGES: orjson.dumps([said]).decode()},
            body=None,
        )
    place = _place(log)
    if place is None or (found := cli_events.answer(place.name, place.said)) is None:
        return log
    request, message = found
    return log._replace(
        trace_id=place.trace_id,
        span_id=_digest(place.trace_id + request, 8),
        name=semconv.EVENT_GEN_AI_DETAILS,
        attributes={semconv.GEN_AI_OUTPUT_MESSAGES: orjson.dumps([message]).decode()},
        body=None,
    )


def _answer_on_a_span(log: RawLog) -> dict[str, object] | None:
    if not log.trace_id.strip("0"):
        return None
    name = cli_events.event_name(log.name, log.body, log.scope, log.attributes)
    return cli_events.answer_text(name, log.attributes)


def _place(log: RawLog) -> _Place | None:
    if not 0 < log.time_ns < MAX_NS:
        return None
    body = calling.opened(log.body)
    said: dict[str, AttributeValue] = {**log.attributes, **(body if isinstance(body, dict) else {})}
    name = cli_events.event_name(log.name, log.body, log.scope, said)
    if log.trace_id.strip("0") and not cli_events.is_beside_spans(name):
        return None
    conversation = next((held for key in _CONVERSATIONS if isinstance(held := said.get(key), str) and held), None)
    if conversation is None or not (cli_events.is_event(name) or _is_call(name, log.scope, said)):
        return None
    said[semconv.LOG_EVENT_NAME] = name
    turn = next((held for key in cli_events.TURNS if isinstance(held := said.get(key), str)), "")
    trace_id = _digest(f"{name.partition('.')[0]}\0{conversation}\0{turn}", 16)
    return _Place(name, said, trace_id, _digest(trace_id, 8), cli_events.begins(name, has_turn=bool(turn)))


def _span(log: RawLog, place: _Place, keeper: Keeper) -> RawSpan:
    request = cli_events.request_of(place.name, place.said)
    text = orjson.dumps(to_tree([place.name, log.time_ns, place.said]).tree, option=orjson.OPT_SORT_KEYS).decode()
    return RawSpan(
        trace_id=place.trace_id,
        span_id=place.root if place.is_root else _digest(place.trace_id + (request or text), 8),
        parent_span_id="" if place.is_root else place.root,
        name=place.name,
        kind=1,
        start_ns=max(1, log.time_ns - _duration(place.said)),
        end_ns=log.time_ns,
        attributes=dict(keeper.pair(key, value) for key, value in place.said.items()),
        events=(),
        links=(),
        status=0,
        status_message="",
    )


def _is_call(name: str, scope: str, said: dict[str, AttributeValue]) -> bool:
    """Whether it is somebody's model call. Gemini CLI's details repeat its own events."""
    details = is_message_event(name) and name == semconv.EVENT_GEN_AI_DETAILS
    return scope != semconv.GEMINI_CLI_SCOPE and (details or looks_like_a_call(said))


def _duration(said: dict[str, AttributeValue]) -> int:
    held = said.get(semconv.CLI_DURATION)
    try:
        duration = float(held) if isinstance(held, (int, float, str)) else 0.0
    except ValueError:
        return 0
    return int(duration * _MS) if 0 <= duration < 1e9 else 0


def _digest(text: str, size: int) -> str:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=size, person=b"atlas-log-span").hexdigest()

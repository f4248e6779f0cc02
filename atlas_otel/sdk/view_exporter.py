"""What stands before an OTLP exporter: spans get what people look for in Jaeger, on the thread that sends them.

Nothing of it is in the record: a receiver of ours takes it back (``view.undone``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from opentelemetry.sdk.trace import Event
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.trace import StatusCode

from atlas_otel import semconv
from atlas_otel.calls.prices import available
from atlas_otel.projection.dialects import facts_of
from atlas_otel.projection.pricing import cost_of
from atlas_otel.records.record import RANK_ENDED
from atlas_otel.sdk.readable import is_gen_ai, is_ours, record_of, with_fields
from atlas_otel.tracing import state
from atlas_otel.view.said import said
from atlas_otel.view.trace_book import Ended, TraceBook
from atlas_otel.view.viewed import View, short_forms, system_parts, view_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExportResult

    from atlas_otel.records.record import AttributeValue
    from atlas_otel.settings import OtlpReceiver

_AGENTS: Final = ("session", "agent")


class ViewExporter(SpanExporter):
    """Hands spans on to ``exporter``, as people want to see them.

    ``receiver``: ``collector`` gets long values whole, with a short form beside them that its Jaeger pipeline puts in
    their place; ``jaeger`` gets the short forms only, and no ``atlas.events``.
    """

    def __init__(self, exporter: SpanExporter, *, receiver: OtlpReceiver, value_bytes: int) -> None:
        self._exporter = exporter
        self._alone = receiver == "jaeger"
        self._value_bytes = value_bytes
        self._book = TraceBook()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export them; one whose view cannot be made goes out as it is."""
        known = [(span, self._note(span)) for span in spans]
        viewed = [self._viewed(span, ended) for span, ended in known]
        for span in spans:
            if span.parent is None and span.context is not None:  # what may still come of the trace is below nothing
                self._book.forget(format(span.context.trace_id, "032x"))
        return self._exporter.export(viewed)

    def shutdown(self) -> None:
        """Shut the exporter down."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flush the exporter."""
        return self._exporter.force_flush(timeout_millis)

    def _note(self, span: ReadableSpan) -> Ended | None:
        try:
            if span.context is None:
                return None
            ended = _ended(span)
            self._book.note(format(span.context.trace_id, "032x"), ended)
        except Exception:  # a stranger's attributes
            state.absorbed("view")
            return None
        return ended

    def _viewed(self, span: ReadableSpan, ended: Ended | None) -> ReadableSpan:
        if ended is None or span.context is None:
            return span
        try:
            held = cast("Mapping[str, AttributeValue]", span.attributes or {})
            changes = self._changes(span, ended, format(span.context.trace_id, "032x"), held)
            events: Sequence[Event] = span.events
            if is_ours(span):
                events = [_said(event) for event in events]
            if not changes and events is span.events:
                return span
            attributes: dict[str, Any] = {**held, **changes}
            if self._alone:
                attributes.pop(semconv.ATLAS_EVENTS, None)
            return with_fields(span, attributes=attributes, events=events)
        except Exception:  # as above: better plain than lost
            state.absorbed("view")
            return span

    def _changes(
        self, span: ReadableSpan, ended: Ended, trace_id: str, held: Mapping[str, AttributeValue]
    ) -> dict[str, AttributeValue]:
        if is_ours(span) and semconv.ATLAS_VIEW_ADDED not in held:
            made = view_of(held, failed=span.status.status_code is StatusCode.ERROR)
        else:  # others' spans; ours that the SDK made have their view already
            made = View({}, {})
        added = made.added
        if ended.priced:
            cost: AttributeValue = ended.cost if ended.cost is not None else True
            added[semconv.ATLAS_COST_UNKNOWN if ended.cost is None else semconv.ATLAS_COST_USD] = cost
        if ended.kind in _AGENTS:
            added.update({key: value for key, value in self._book.about(trace_id, ended).items() if key not in held})
        if span.parent is None and semconv.ATLAS_SESSION_ID not in held:
            session = self._book.session_of(trace_id)
            if session is not None:
                added[semconv.ATLAS_SESSION_ID] = session
        short = short_forms({**held, **added, **made.texts}, self._value_bytes)
        if self._alone:
            return {**made.attributes, **short}
        for key, text in short.items():
            added[key if key in added else semconv.ATLAS_VIEW_SHORT_PREFIX + key] = text
        return made.attributes


def _ended(span: ReadableSpan) -> Ended:
    assert span.context is not None
    held = cast("Mapping[str, AttributeValue]", span.attributes or {})
    parent = format(span.parent.span_id, "016x") if span.parent is not None else None
    session = held.get(semconv.ATLAS_SESSION_ID)
    actor = held.get(semconv.ATLAS_ACTOR)
    found = Ended(
        format(span.context.span_id, "016x"),
        parent,
        str(held.get(semconv.ATLAS_KIND, "")),
        session if isinstance(session, str) else None,
        actor=actor if isinstance(actor, str) else None,
        start_ns=span.start_time or 0,
    )
    if is_ours(span) and found.kind != "llm":
        return found
    if is_ours(span) and not available():
        return _called(found, held)
    if not is_gen_ai(held):
        return found
    facts = facts_of(record_of(span, rank=RANK_ENDED, version=0, resource={}))
    usage = facts.usage
    if available() and (cost := cost_of(facts, found.start_ns)):
        known = cost.get(semconv.ATLAS_COST_USD)
        found = found._replace(priced=True, cost=known if isinstance(known, float) else None)
    if is_ours(span):
        return _called(found, held)
    return found._replace(
        kind=facts.kind,
        input_tokens=usage.input_tokens if usage is not None else None,
        output_tokens=usage.output_tokens if usage is not None else None,
        system=facts.system_instructions.text if facts.system_instructions is not None else None,
        tools=facts.tool_definitions.text if facts.tool_definitions is not None else None,
    )


def _called(found: Ended, held: Mapping[str, AttributeValue]) -> Ended:
    tokens = [held.get(key) for key in (semconv.GEN_AI_USAGE_INPUT_TOKENS, semconv.GEN_AI_USAGE_OUTPUT_TOKENS)]
    texts = [held.get(key) for key in (semconv.GEN_AI_SYSTEM_INSTRUCTIONS, semconv.GEN_AI_TOOL_DEFINITIONS)]
    numbers = [number if isinstance(number, int) else None for number in tokens]
    words = [text if isinstance(text, str) else None for text in texts]
    system = words[0] or system_parts(held.get(semconv.GEN_AI_INPUT_MESSAGES))
    return found._replace(input_tokens=numbers[0], output_tokens=numbers[1], system=system, tools=words[1])


def _said(event: Event) -> Event:
    held = cast("Mapping[str, AttributeValue]", event.attributes or {})
    shown: Any = said(event.name, held)
    return event if shown is held else Event(event.name, shown, event.timestamp)

"""What is under every decorator, context manager and pushed step: a span, started, activated, reported on, ended.

It makes the :class:`~atlas_otel.records.record.SpanRecord` itself, from what it was told, and not from the OTel span: a
sampler, a span limit or an adopted provider's settings change what Jaeger shows, never what is stored. The OTel span
gets the same attributes, so that any backend sees them too.

Nothing here raises an ``Exception`` into the code that runs inside: what goes wrong is counted (``state.absorbed``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanKind

from atlas_otel import semconv
from atlas_otel.capture.capture import LOSS_CAPTURE, with_types
from atlas_otel.capture.privacy import sanitize_events
from atlas_otel.capture.stream_items import StreamItems
from atlas_otel.process import fork
from atlas_otel.process.clock import plausible_ns
from atlas_otel.records.record import (
    RANK_ENDED,
    RANK_OPEN,
    STATUS_ERROR,
    STATUS_UNSET,
    EventRecord,
    SpanEvent,
    SpanRecord,
    readable,
)
from atlas_otel.records.utf8 import NEVER, keep, texts_of
from atlas_otel.tracing import failure, sink, state
from atlas_otel.tracing.activation import Activation
from atlas_otel.tracing.context import Frame, current_context, current_frame, is_current, with_frame
from atlas_otel.tracing.control_flow import is_control_flow
from atlas_otel.tracing.span_view import SdkView
from atlas_otel.tracing.state import Instrumentation, absorbed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import SpanContext

    from atlas_otel.models.plan import StepAttempt
    from atlas_otel.records.record import AttributeValue
    from atlas_otel.semconv import Kind
    from atlas_otel.tracing.context import SessionState
    from atlas_otel.tracing.control_flow import Expected
    from atlas_otel.tracing.span_view import SpanView


class ActiveSpan(Activation):
    """A span of ours while it runs."""

    __slots__ = (
        "__weakref__",
        "_ended",
        "_errors",
        "_generation",
        "_reported",
        "_utf8_over",
        "_view",
        "anchor",
        "attributes",
        "describe",
        "expected",
        "frame",
        "identity",
        "instrumentation",
        "items",
        "join",
        "kind",
        "name",
        "output_key",
        "parent_span_id",
        "reducer",
        "session",
        "span",
        "span_id",
        "span_kind",
        "start_ns",
        "status",
        "status_message",
        "trace_id",
        "verdict",
    )

    def __init__(
        self,
        instrumentation: Instrumentation,
        kind: Kind,
        name: str,
        attributes: dict[str, AttributeValue],
        *,
        frame: Frame,
        context: Context,
        session: SessionState | None,
        identity: StepAttempt | None = None,
        span_kind: SpanKind = SpanKind.INTERNAL,
        start_ns: int | None = None,
    ) -> None:
        """Start the span. ``frame`` is the one around it, ``session`` the one it belongs to."""
        self._token = self._inside = self._around = None
        self.instrumentation = instrumentation
        self.kind = kind
        self.name = name
        self.session = session
        self.identity = identity
        self.attributes = attributes
        self.span_kind = span_kind
        self.status = STATUS_UNSET
        self.status_message: str | None = None
        self.output_key: str | None = semconv.ATLAS_OUTPUT
        self.reducer: Callable[[list[Any]], Any] | None = None
        self.describe: Callable[[ActiveSpan, object], object] | None = None
        """Says what the output says of itself, and returns what to keep of it."""
        self.join: Callable[[list[Any]], object | None] | None = None
        """Makes one answer of a stream's pieces; None where they are of no form that it knows."""
        self.expected: Expected = instrumentation.expected
        self.items: StreamItems | None = None
        self.verdict: str | None = None
        """Why validation rejected it, as captured; None where it did not."""
        self._errors: list[SpanEvent] = []
        self._reported: list[EventRecord] = []
        self._ended = False
        self._utf8_over = instrumentation.utf8_over
        self._generation = fork.generation()
        clock = instrumentation.clock
        self.anchor = frame.span.anchor if frame.span is not None else clock.anchor
        if start_ns is None:
            start_ns = clock.now_ns() if self.anchor == clock.anchor else clock.since(self.anchor)
        else:
            start_ns = plausible_ns(start_ns)
        self.start_ns = start_ns
        active = frame.span
        if active is not None and is_current(active, context):
            parent = active.span.get_span_context()
            self.parent_span_id = active.span_id if parent.is_valid else None
        else:
            parent = trace.get_current_span(context).get_span_context()
            self.parent_span_id = format(parent.span_id, "016x") if parent.is_valid else None
        self._view = self._start_span(context, parent)
        self.span = self._view.span
        ids = self.span.get_span_context()
        self.trace_id = format(ids.trace_id, "032x")
        self.span_id = format(ids.span_id, "016x")
        inside = Frame(session, self if kind == "step" else frame.step, self, frame.inherited)
        self.frame = inside
        # Where no tracer is at work, the program's own span stays current: it may record.
        self.context = with_frame(inside, context, None if ids.span_id == parent.span_id else self.span)

    def _now_ns(self) -> int:
        """The time, as the outermost span around this one counts it."""
        return self.instrumentation.clock.since(self.anchor)

    @property
    def running(self) -> bool:
        """Whether the span has not ended."""
        return not self._ended

    def _start_span(self, context: Context, parent: SpanContext) -> SpanView:
        parts = self.instrumentation
        if parts.own is not None and parts.own.alone:
            return parts.own.view(self, parent)
        self._utf8_over = NEVER
        self.attributes = dict(texts_of(self.attributes))
        try:
            span = parts.tracer.start_span(
                self.name,
                context=context,
                kind=self.span_kind,
                attributes=self.attributes,
                start_time=self.start_ns,
            )
        except Exception:  # a guest's processor or sampler: its fault must not reach the agent
            absorbed("start_span")
            span = trace.INVALID_SPAN
        ids = span.get_span_context()
        # Where no SDK is at work the API gives the span of the parent again.
        if (parts.records or state.listener is not None) and (not ids.is_valid or ids.span_id == parent.span_id):
            # No SDK span (a provider that makes none, a guest that raised): the record still needs ids of its own.
            from atlas_otel.tracing.ids import child_of

            span = NonRecordingSpan(child_of(parent))
        return SdkView(span, len(self.attributes), adopted=parts.adopted)

    # --- while it runs -------------------------------------------------------------------------------------------

    def announce(self, *, durable: bool = False) -> None:
        """Tell the recorder that the span runs: sessions and steps at once (``durable``: this too), others if they
        last."""
        durable = durable or self.kind in ("session", "step")
        sink.started(self.instrumentation.recorder, self, durable=durable)

    def set(self, key: str, value: AttributeValue) -> None:
        """Set an attribute, on the record and on the OTel span. After the end: nothing."""
        if self._ended:
            return
        new = key not in self.attributes
        self.attributes[key] = value
        try:
            self._view.wrote(key, value, new=new)
        except Exception:
            absorbed("set_attribute")

    def set_value(self, key: str, value: object) -> None:
        """Capture ``value`` as JSON and set it; nothing where content capture is off."""
        captured = self.instrumentation.capture.value(value, key)
        if captured is None:
            return
        self.set(key, keep(captured.data, self._utf8_over))
        if captured.truncated:
            held = self.attributes.get(semconv.ATLAS_TRUNCATED)
            self.set(semconv.ATLAS_TRUNCATED, captured.truncated + (held if isinstance(held, int) else 0))
        if captured.described:
            known = self.attributes.get(semconv.ATLAS_DESCRIBED)
            self.set(semconv.ATLAS_DESCRIBED, with_types(known, captured.described))

    def report(self, name: str, payload: str, shown: Mapping[str, AttributeValue] | None = None) -> EventRecord | None:
        """Record an event on this span, at once. ``payload`` is JSON text; ``shown`` what OTel backends see of it.

        Also after the span's end, and from any thread.
        """
        try:
            event = EventRecord(
                self.trace_id,
                self.span_id,
                self._now_ns(),
                self.session.key if self.session is not None else None,
                name,
                payload,
            )
            sink.reported(self.instrumentation.recorder, event)
            if fork.generation() == self._generation and not self._ended:
                self._reported.append(event)
                self._view.reported(event, shown or {})
        except Exception:
            absorbed("event")
            return None
        return event

    def snapshot(self) -> SpanRecord | None:
        """The span as it is now; None once it has ended. From any thread."""
        if self._ended:
            return None
        return readable(self._record(None, RANK_OPEN, self._now_ns()))

    def renamed(self, name: str) -> None:
        """Somebody gave the span another name, through OpenTelemetry's interface. It may hold content."""
        capture = self.instrumentation.capture
        if not self._ended and capture.content:
            self.name = capture.bounded_text(capture.redacted(name, "span.name"))

    def failed(self, description: str | None) -> None:
        """Somebody said that the span failed, through OpenTelemetry's interface."""
        if not self._ended:
            self.status = STATUS_ERROR
            self.status_message = self.instrumentation.capture.text(description, "status") if description else None

    # --- how it went (driving.Observer) --------------------------------------------------------------------------

    def returned(self, result: object) -> None:
        """The call returned."""
        self.leave()
        try:
            if self.output_key is not None and self.output_key not in self.attributes:
                if self.items is None:
                    self.output(result)
                else:
                    self._stream_output(result)
        except Exception:
            absorbed("capture")
        self.end()

    def raised(self, error: BaseException) -> None:
        """The call raised ``error``."""
        self.leave()
        self.ended_by(error)
        if type(error) is GeneratorExit:
            self.set(semconv.ATLAS_UNFINISHED, semconv.UNFINISHED_CLOSED)
        self._keep_partial()
        self.end()

    def unawaited(self, result: object) -> None:
        """The call returned ``result``, an awaitable that nobody has awaited (None: it is gone)."""
        self.leave()
        try:
            if result is not None and self.output_key is not None and self.output_key not in self.attributes:
                self.set_value(self.output_key, result)
        except Exception:
            absorbed("capture")
        self.end()

    def stream(self) -> None:
        """What the call yields is its output, where that is kept."""
        self.items = self.instrumentation.capture.stream_items(for_reducer=self.reducer is not None)

    def item(self, value: object) -> None:
        """A generator yielded ``value``."""
        items = self.items
        if items is not None and not items.seen and self.kind == "llm":
            took = self._now_ns() - self.start_ns
            self.set(semconv.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK, took / 1e9)
        if items is None or self.output_key is None:
            if items is not None:
                items.seen += 1
            return
        try:
            items.add(value)
        except Exception:
            absorbed("capture")

    def broken_off(self) -> None:
        """The consumer closed the stream before it was exhausted."""
        self.leave()
        self.set(semconv.ATLAS_EXPECTED_EXCEPTION, "GeneratorExit")
        seen = f" after {self.items.seen} items" if self.items is not None else ""
        message = f"the stream was closed by its consumer{seen}"
        self._errors.append(
            SpanEvent(
                semconv.EVENT_EXCEPTION,
                self._now_ns(),
                {semconv.EXCEPTION_TYPE: "GeneratorExit", semconv.EXCEPTION_MESSAGE: message},
            )
        )
        self._keep_partial()
        self.end()

    def output(self, result: object) -> None:
        """Capture what the span produced, and what it says of itself (a model's answer does)."""
        kept = self._describe(result)
        if self.output_key is not None:
            self.set_value(self.output_key, kept)

    def _describe(self, result: object) -> object:
        """Say what the output says of itself; what is to be kept of it."""
        if self.describe is not None:
            try:
                return self.describe(self, result)
            except Exception:  # a user's object whose attributes raise
                absorbed("capture")
        return result

    def ended_by(self, error: BaseException) -> None:
        """Record that ``error`` ended the span: as a failure, unless it is the program's way to go on elsewhere."""
        try:
            if is_control_flow(error, self.expected):
                self.set(semconv.ATLAS_EXPECTED_EXCEPTION, failure.type_of(error, self.instrumentation.capture))
                return
        except Exception:  # a user's exception type that raises when it is asked
            absorbed("error")
        self.fail(error)

    def fail(self, error: BaseException) -> None:
        """Record ``error`` on the span: its type always, its words and stack where content may be captured."""
        try:
            found = failure.describe(error, self.instrumentation.capture)
            self.status = STATUS_ERROR
            if found.message is not None:
                self.status_message = found.message
            self.set(semconv.ERROR_TYPE, found.type)
            self._errors.append(SpanEvent(semconv.EVENT_EXCEPTION, self._now_ns(), found.shown))
        except Exception:
            absorbed("error")

    def judged(self, rejected: str | None) -> None:
        """Validation rejected it, with this reason (captured already), or took it (None): the latest verdict counts."""
        self.verdict = rejected

    def fail_as(self, kind: str, words: str) -> None:
        """Record a failure that was reported and not raised; ``words`` have been captured already."""
        self.status = STATUS_ERROR
        self.status_message = f"{kind}: {words}" if words else kind
        self.set(semconv.ERROR_TYPE, kind)
        shown: dict[str, AttributeValue] = {semconv.EXCEPTION_TYPE: kind}
        if words:
            shown[semconv.EXCEPTION_MESSAGE] = words
        self._errors.append(SpanEvent(semconv.EVENT_EXCEPTION, self._now_ns(), shown))

    def _keep_partial(self) -> None:
        try:
            if self.items is not None and self.output_key is not None:
                self.set(semconv.ATLAS_STREAM_INCOMPLETE, True)
                self._stream_output(None)
        except Exception:
            absorbed("capture")

    def _stream_output(self, returned: object) -> None:
        """The items, and beside them what the generator returned where that is anything; alone where no item came."""
        if returned is None or self.items is None or self.items.seen == 0:
            self.output(self._reduced() if returned is None else returned)
            return
        reduced = self._reduced()
        reduced, returned = self._describe(reduced), self._describe(returned)
        if self.output_key is not None:
            self.set_value(self.output_key, {"yielded": reduced, "returned": returned})

    def _reduced(self) -> object:
        """What a stream's items come to: the reducer's answer, else the joined text, else the list."""
        held = self.items or StreamItems()
        items = held.all()
        self.set(semconv.ATLAS_STREAM_CHUNKS, held.seen)
        for _ in range(held.failures):
            absorbed(LOSS_CAPTURE)
        if held.described:
            known = self.attributes.get(semconv.ATLAS_DESCRIBED)
            self.set(semconv.ATLAS_DESCRIBED, with_types(known, tuple(held.described)))
        if self.reducer is not None:
            try:
                return self.reducer(items)
            except Exception:  # the user's reducer: the items themselves are better than nothing
                absorbed("output_reducer")
        if items and all(issubclass(type(item), str) for item in items):
            return "".join(items)
        if self.join is not None and items:
            try:
                whole = self.join(items)
            except Exception:  # pieces that are not what their type promises
                absorbed("stream")
            else:
                return items if whole is None else whole
        return items

    # --- the end -------------------------------------------------------------------------------------------------

    def end(self, *, end_ns: int | None = None) -> None:
        """End the span and hand its record over. The first call counts."""
        if self._ended:
            return
        if self.verdict is not None and self.status != STATUS_ERROR:
            self.fail_as(semconv.ERROR_VALIDATION_FAILED, self.verdict)
        clock = self.instrumentation.clock
        jumped = clock.anchor - self.anchor
        if jumped and end_ns is None:
            self.set(semconv.ATLAS_CLOCK_JUMP, jumped)
        self._ended = True
        try:
            if fork.generation() != self._generation:
                self.instrumentation.recorder.span_forked()
                return
            now = clock.now_ns() - jumped
            record = self._record(now if end_ns is None else plausible_ns(end_ns), RANK_ENDED, now)
            sink.ended(self.instrumentation.recorder, record)
            self._view.ended(record, self._reported)
        except Exception:  # a guest's processor
            absorbed("end")

    def _record(self, end_ns: int | None, rank: int, version: int) -> SpanRecord:
        attributes: Mapping[str, AttributeValue] = self.attributes
        events: Sequence[SpanEvent] = self._errors
        capture = self.instrumentation.capture
        # What somebody else put on our span is kept too, redacted like all else.
        if others := self._view.others_attributes(attributes):
            attributes = {**capture.attributes(others, "span"), **attributes}
        if seen := self._view.others_events():
            events = [*sanitize_events(seen, capture), *self._errors]
        return SpanRecord(
            self.trace_id,
            self.span_id,
            self.parent_span_id,
            self.session.key if self.session is not None else None,
            self.name,
            self.kind,
            self.span_kind.value,
            self.start_ns,
            end_ns,
            self.status,
            self.status_message,
            dict(attributes) if end_ns is None else attributes,
            tuple(events),
            (),
            semconv.SCOPE_NAME,
            self.instrumentation.resource,
            rank,
            version,
        )


def around() -> tuple[Context, Frame]:
    """The context and the frame in force here."""
    context = current_context()
    return context, current_frame(context)

"""The live manager of intermediate steps: what is pushed becomes spans and event records at once.

The rules are :mod:`.pairing`'s; this adds the context. A pushed START stands around whatever the same context
does next, decorated code too, until its END. Ends may come interleaved, from other tasks and from other threads: steps
are paired by UUID, and the context falls back to the innermost step that is still open.

Nothing but a ``TypeError`` for what is no payload is raised into the code that pushes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import SpanKind

from atlas_otel import semconv
from atlas_otel.events.note import TOP, Enclosure
from atlas_otel.models.intermediate_step import (
    IntermediateStep,
    IntermediateStepPayload,
    IntermediateStepState,
    InvocationNode,
)
from atlas_otel.process import fork
from atlas_otel.steps.capture import CapturedStep, capture_step
from atlas_otel.steps.feed import FEED, Subscription, enclosure_of
from atlas_otel.steps.pairing import StepPairing, step_text
from atlas_otel.steps.spans import closing, opening, time_of
from atlas_otel.tracing import state
from atlas_otel.tracing.active_span import ActiveSpan
from atlas_otel.tracing.context import (
    Frame,
    SessionState,
    SpanInForce,
    activate,
    current_frame,
    session_key_of,
    with_frame,
)
from atlas_otel.tracing.suppression import suppressed

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.context import Context

    from atlas_otel.models.plan import StepAttempt
    from atlas_otel.records.record import AttributeValue
    from atlas_otel.steps.pairing import Anomaly

REMEMBERED_STEPS: Final = 1000
"""Ended steps that a manager knows: a second END is seen as that; a manager may live as long as its process."""

_STEP_KEY: Final = otel_context.create_key("atlas-otel-pushed-step")


@dataclass(slots=True, eq=False)
class _Open:
    """A pushed step that has started, and what stood around it then."""

    name: str
    active: ActiveSpan
    place: Enclosure
    outer: _Open | None
    frame: Frame
    span: trace.Span
    around: Context
    inside: Context | None = None
    """The context that was put in force for what happens in the step."""
    chunks: int = 0


class IntermediateStepManager:
    """Takes intermediate steps, records them, and publishes them to its subscribers. Thread-safe.

    A step belongs to the session in force where it is pushed; a WORKFLOW that starts outside of any is a session of
    its own. ``session``: the key of the session that its subscribers follow; None: the one in force where they
    subscribe, or, outside of any, all of the process.
    """

    def __init__(self, session: str | None = None) -> None:
        self._session = session
        self._lock = fork.lock()
        self._pairing: StepPairing[_Open] = StepPairing(REMEMBERED_STEPS)
        self._root: _Open | None = None
        """The first pushed step that is a session."""

    def subscribe(
        self,
        on_next: Callable[[IntermediateStep], Any],
        on_error: Callable[[Exception], Any] | None = None,
        on_complete: Callable[[], Any] | None = None,
    ) -> Subscription:
        """Have ``on_next`` called with every step from now on, on the thread where it happens: pushed ones, and those
        of decorated code (its spans' START and END, and what is reported on them).

        They hear one session until it is over (``on_complete``), or every session of the process.
        What a subscriber raises is counted and given to its ``on_error``; it reaches neither the agent nor others.
        """
        subscription = Subscription(
            on_next, on_error, on_complete, self._session or session_key_of(), self, FEED.remove
        )
        FEED.add(subscription)
        return subscription

    def complete(self) -> None:
        """Tell this manager's subscribers that no step will follow, and let go of them."""
        FEED.complete(lambda one: one.source is self)

    def push_intermediate_step(self, payload: IntermediateStepPayload) -> None:
        """Record and publish one event of a step. Raises TypeError for anything but an IntermediateStepPayload."""
        if not isinstance(payload, IntermediateStepPayload):
            raise TypeError(f"expected an IntermediateStepPayload, got {type(payload).__name__}")
        self._push(payload, None)

    def record_step(self, step: IntermediateStep) -> None:
        """Record and publish a step that another manager has placed: its ``parent_id`` and ancestry are kept.

        Its span hangs under its parent's where that came through this manager, else under what is in force here.
        """
        self._push(step.payload, step)

    @property
    def began_session(self) -> bool:
        """Whether a step that was pushed here is a session of its own."""
        return self._root is not None

    def close(self, error: BaseException | None = None) -> None:
        """No step will follow: spans that still run end here, failed with ``error``, else marked as abandoned."""
        with self._lock:
            unfinished = [held for held in self._pairing.still_open() if held.active.running]
        for held in reversed(unfinished):
            if error is not None:
                held.active.fail(error)
            else:
                held.active.set(semconv.ATLAS_UNFINISHED, semconv.UNFINISHED_ABANDONED)
                held.active.fail_as(semconv.UNFINISHED_ABANDONED, "its stream closed before it ended")
            held.active.end()
        _leave_ended()
        self.complete()

    def _push(self, payload: IntermediateStepPayload, placed: IntermediateStep | None) -> None:
        try:
            place, session = self._take(payload, placed)
        except Exception:  # the agent goes on, whatever a payload holds
            state.absorbed("push")
            return
        if FEED.followed:
            FEED.pushed(placed if placed is not None else _step(place, payload), session, self)

    # --- recording -----------------------------------------------------------------------------------------------

    def _take(self, payload: IntermediateStepPayload, placed: IntermediateStep | None) -> tuple[Enclosure, str | None]:
        """Record an event; what stands around it, and the key of its session."""
        context = _without_ended(otel_context.get_current())
        with self._lock:
            held, anomaly = self._pairing.place(payload)
            around = self._pairing.find(placed.parent_id) if placed is not None and held is None else None
        if placed is not None and held is None and around is None and session_key_of(context) is None:
            around = self._root  # told after the workflow's end, or elsewhere: a part of the same run
        if around is not None:
            context = _inside(around, context)
        frame = current_frame(context)
        session = held.active.session if held is not None else frame.session
        key: str | None = session.key if session is not None else session_key_of(context)
        if placed is not None:
            place, ancestry = _place_of(placed), placed.function_ancestry.model_dump()
        else:
            place = held.place if held is not None else _enclosure(context)
            ancestry = place.to_json()
        parts = state.current()
        if not parts.enabled or suppressed():
            return place, key
        captured = capture_step(parts.capture, place.uuid, ancestry, payload)
        stage = payload.event_state
        if held is None and anomaly is None and stage is IntermediateStepState.START:
            opened = _open(parts, payload, captured, context, place)
            with self._lock:
                self._pairing.opened(payload, opened)
                if self._root is None and opened.active.kind == "session":
                    self._root = opened
            key = opened.active.session.key if opened.active.session is not None else None
            _report(opened.active, captured.text, None)
            opened.inside = otel_context.set_value(_STEP_KEY, opened, opened.active.context)
            activate(opened.inside)
        elif held is None and anomaly is None and frame.span is not None:
            _report(frame.span, captured.text, None)  # what an adapter reports stands on the span in force
        elif held is None:
            _alone(parts, payload, captured.text, anomaly, context, frame)
        elif not held.active.running:
            # Its span has been exported perhaps: whoever gets spans by OTLP only would never hear of this.
            _alone(parts, payload, captured.text, anomaly, _inside(held, context), held.active.frame)
        elif stage is IntermediateStepState.END and anomaly in (None, "other_category"):
            _report(held.active, captured.text, anomaly)
            _close(held, payload, captured)
        else:
            held.chunks += stage is IntermediateStepState.CHUNK
            _report(held.active, captured.text, anomaly)
        return place, key


def _without_ended(context: Context) -> Context:
    """``context`` without the pushed steps that have ended since they were put into it, elsewhere perhaps."""
    held = context.get(_STEP_KEY)
    while isinstance(held, _Open) and not held.active.running and current_frame(context).span is held.active:
        if context is held.inside:
            context, held = held.around, held.outer
            continue
        # What else was set meanwhile (baggage, say) stays.
        context = with_frame(held.frame, trace.set_span_in_context(held.span, context))
        held = held.outer
        context = otel_context.set_value(_STEP_KEY, held, context)
    return context


def _inside(held: _Open, context: Context) -> Context:
    """``context`` with the pushed step ``held`` in force, where another one (or none) is."""
    if context.get(_STEP_KEY) is held:
        return context  # what decorated code has opened inside it stays in force
    inside = with_frame(held.active.frame, trace.set_span_in_context(held.active.span, context))
    return otel_context.set_value(_STEP_KEY, held, inside)


def _leave_ended() -> None:
    """Leave the context of pushed steps that have ended, where it is the one in force."""
    context = otel_context.get_current()
    left = _without_ended(context)
    if left is not context:
        activate(left)


def _enclosure(context: Context) -> Enclosure:
    """What stands around what happens in ``context``."""
    active, held = current_frame(context).span, context.get(_STEP_KEY)
    if active is None:
        return TOP
    if isinstance(held, _Open) and active is held.active:
        step_uuid = str(active.attributes.get(semconv.ATLAS_PUSHED_UUID, active.span_id))
        return Enclosure(step_uuid, held.name, held.place.uuid, held.place.name)
    return enclosure_of(active)


def _place_of(step: IntermediateStep) -> Enclosure:
    """What stands around a step that another manager has placed."""
    node = step.function_ancestry
    return Enclosure(step.parent_id, node.function_name, node.parent_id, node.parent_name)


def _step(place: Enclosure, payload: IntermediateStepPayload) -> IntermediateStep:
    """The step that ``payload`` is in its place."""
    ancestry = InvocationNode.model_construct(**place.to_json())  # type: ignore[arg-type]
    return IntermediateStep.model_construct(parent_id=place.uuid, function_ancestry=ancestry, payload=payload)


def _open(
    parts: state.Instrumentation,
    payload: IntermediateStepPayload,
    captured: CapturedStep,
    context: Context,
    place: Enclosure,
) -> _Open:
    """Start the span of a START."""
    frame, held = current_frame(context), context.get(_STEP_KEY)
    session = frame.session
    if session is None and (key := session_key_of(context)) is not None:
        session = SessionState(key, None)
    began = opening(captured.payload, outermost=session is None, texts=captured.texts)
    attributes = began.attributes
    new = session is None and began.kind == "session"
    if new:
        session = SessionState(state.new_session_key(), None)
    if session is not None:
        attributes[semconv.ATLAS_SESSION_ID] = session.key
    identity = _identify(session, frame, began.kind, attributes)
    active = ActiveSpan(
        parts,
        began.kind,
        began.name,
        attributes,
        frame=frame,
        context=context,
        session=session,
        identity=identity,
        span_kind=SpanKind.CLIENT if began.kind == "llm" else SpanKind.INTERNAL,
        start_ns=time_of(payload.event_timestamp),
    )
    if new and session is not None:
        session.root = active
    if identity is not None and session is not None:
        session.ran(identity.step, active)
    active.announce()
    return _Open(
        name=f"step_{identity.step}" if identity is not None else payload.name or began.name,
        active=active,
        place=place,
        outer=held if isinstance(held, _Open) else None,
        frame=frame,
        span=trace.get_current_span(context),
        around=context,
    )


def _identify(
    session: SessionState | None, frame: Frame, kind: str, attributes: dict[str, AttributeValue]
) -> StepAttempt | None:
    """A pushed step counts among the session's decorated ones; anything else is stamped with the step in force."""
    if kind == "session" or session is None:
        return None
    if kind != "step":
        if frame.step is not None and frame.step.identity is not None:
            attributes[semconv.ATLAS_STEP_ID], attributes[semconv.ATLAS_STEP_ATTEMPT] = frame.step.identity
        return None
    step_id, attempt = attributes.get(semconv.ATLAS_STEP_ID), attributes.get(semconv.ATLAS_STEP_ATTEMPT)
    if session.root is None and step_id is None:
        return None
    identity = session.identify(
        str(attributes.get(semconv.ATLAS_STEP_DESCRIPTION, "")),
        step_id if isinstance(step_id, int) else None,
        attempt if isinstance(attempt, int) else None,
    )
    attributes[semconv.ATLAS_STEP_ID], attributes[semconv.ATLAS_STEP_ATTEMPT] = identity
    return identity


def _close(held: _Open, payload: IntermediateStepPayload, captured: CapturedStep) -> None:
    """End the span of an END, and leave its context where it is the one in force."""
    active = held.active
    ended = closing(active.kind, captured.payload, captured.texts)
    for key, attribute in ended.attributes.items():
        active.set(key, attribute)
    if held.chunks:
        active.set(semconv.ATLAS_STREAM_CHUNKS, held.chunks)
    if ended.error is not None:
        active.fail_as(*ended.error)
    active.end(end_ns=max(time_of(payload.event_timestamp), active.start_ns))
    _leave_ended()


def _alone(
    parts: state.Instrumentation,
    payload: IntermediateStepPayload,
    kept: str,
    anomaly: Anomaly | None,
    context: Context,
    frame: Frame,
) -> None:
    """A span of no duration for an event that no span is there for."""
    attributes: dict[str, AttributeValue] = {
        semconv.ATLAS_KIND: "custom",
        semconv.ATLAS_PUSHED_UUID: payload.UUID,
    }
    if anomaly is not None:
        attributes[semconv.ATLAS_ANOMALY] = anomaly
    if frame.session is not None:
        attributes[semconv.ATLAS_SESSION_ID] = frame.session.key
    began = time_of(payload.event_timestamp)
    name = payload.name or payload.event_type.value
    active = ActiveSpan(
        parts, "custom", name, attributes, frame=frame, context=context, session=frame.session, start_ns=began
    )
    active.announce()
    _report(active, kept, anomaly)
    active.end(end_ns=began)


def _report(active: SpanInForce, kept: str, anomaly: Anomaly | None) -> None:
    if anomaly is not None:
        state.absorbed(f"intermediate_step_{anomaly}")
        kept = step_text(orjson.loads(kept), anomaly)
    shown: dict[str, AttributeValue] = {}
    if state.current().capture.content:
        shown[semconv.ATLAS_EVENT_PAYLOAD] = kept
    active.report(semconv.EVENT_INTERMEDIATE_STEP, kept, shown)


# pydantic makes its serializer's tables at the first dump, under a lock that a fork in that moment leaves held for ever
# in the child. So the first one is here: a fork waits for imports (``fork``).
IntermediateStepPayload.model_validate({"event_type": "CUSTOM_START", "data": {"input": {}}}).model_dump()

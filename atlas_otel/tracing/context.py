"""The session, step and span in force, carried in OpenTelemetry's own context.

They travel wherever that context does: through tasks, ``to_thread``, instrumented executors, and nowhere else. One key
holds one immutable :class:`Frame`, so that entering a span costs one copy of the context.

Another process learns the session from W3C baggage, where its sender opted in and signed it
(``docs/reference/configuration.md``).
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from opentelemetry import baggage, trace
from opentelemetry import context as otel_context
from opentelemetry.context import Context

from atlas_otel import semconv
from atlas_otel.models.plan import StepAttempt
from atlas_otel.process import fork
from atlas_otel.tracing import state

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextvars import Token

    from opentelemetry.trace import Span

    from atlas_otel.records.record import AttributeValue, EventRecord
    from atlas_otel.semconv import Kind

_OURS: Final = "atlas-otel-"
_FRAME_KEY: Final = otel_context.create_key(f"{_OURS}frame")


class SpanInForce(Protocol):
    """A span of ours while it runs, as those know it who find it in the context (``active_span.ActiveSpan`` is one)."""

    trace_id: str
    span_id: str
    parent_span_id: str | None
    span: Span
    """What OpenTelemetry knows of it."""
    name: str
    kind: Kind
    attributes: dict[str, AttributeValue]
    output_key: str | None
    anchor: int
    """The clock's anchor that its times count from."""

    @property
    def identity(self) -> StepAttempt | None:
        """Of a step: which one."""

    @property
    def running(self) -> bool:
        """Whether the span has not ended."""

    def set(self, key: str, value: AttributeValue) -> None:
        """Set an attribute."""

    def set_value(self, key: str, value: object) -> None:
        """Capture a value as JSON and set it."""

    def output(self, result: object) -> None:
        """Capture what the span produced."""

    def fail(self, error: BaseException) -> None:
        """Record an error on the span."""

    def judged(self, rejected: str | None) -> None:
        """Validation rejected it, for this reason, or took it."""

    def report(self, name: str, payload: str, shown: Mapping[str, AttributeValue] | None = None) -> EventRecord | None:
        """Record an event on the span, at once."""


class SessionState:
    """What one process knows of one session while it runs: its steps' numbers, and where its events go. Thread-safe."""

    def __init__(self, key: str, root: SpanInForce | None) -> None:
        self.key = key
        self.root = root
        """The session's own active span; None where the session was opened by another process."""
        self.lock = fork.lock()
        self.metadata: dict[str, Any] = {}
        """The session's metadata, as far as it was given in this process."""
        self._attempts: dict[int, int] = {}
        self._planned: dict[int, str] = {}
        self._steps: dict[int, SpanInForce] = {}

    @property
    def over(self) -> bool:
        """Whether its own span has ended in this process: what begins now may be work of somebody else's, done by a
        thread or a task that was started in it."""
        return self.root is not None and not self.root.running

    def plan(self, steps: Mapping[int, str]) -> None:
        """Take over a plan: descriptions by step id. Steps that ran keep their numbers."""
        with self.lock:
            self._planned = dict(steps)

    def identify(self, description: str, step_id: int | None, attempt: int | None = None) -> StepAttempt:
        """The identity of a step that starts now.

        The id given; else the first planned step of that description that has not run; else the next number. The
        same id again is the next attempt (``attempt`` says otherwise).
        """
        with self.lock:
            if step_id is None:
                planned = (i for i, text in self._planned.items() if text == description and i not in self._attempts)
                step_id = next(planned, None)
            if step_id is None:
                step_id = max((*self._attempts, *self._planned), default=0) + 1
            number = attempt if attempt is not None else self._attempts.get(step_id, 0) + 1
            self._attempts[step_id] = max(number, self._attempts.get(step_id, 0))
            return StepAttempt(step_id, number)

    def ran(self, step_id: int, active: SpanInForce) -> None:
        """Remember the span of a step's latest attempt: what names the step is reported on it."""
        with self.lock:
            self._steps[step_id] = active

    def latest(self, step_id: int) -> SpanInForce | None:
        """The active span of the step's latest attempt in this process."""
        with self.lock:
            return self._steps.get(step_id)


class Frame(NamedTuple):
    """What is in force at one point of the program. ``inherited``: attributes given by ``using_attributes``."""

    session: SessionState | None = None
    step: SpanInForce | None = None
    span: SpanInForce | None = None
    inherited: Mapping[str, Any] | None = None


_NOTHING = Frame()
(_SPAN_KEY,) = trace.set_span_in_context(trace.INVALID_SPAN, Context())


def current_frame(context: Context | None = None) -> Frame:
    """The frame in force in ``context`` (default: the current one)."""
    frame = (current_context() if context is None else context).get(_FRAME_KEY)
    return frame if isinstance(frame, Frame) else _NOTHING


def is_current(active: SpanInForce, context: Context) -> bool:
    """Whether the current span in ``context`` is that of ``active``, and none that the program has started inside."""
    return context.get(_SPAN_KEY) is active.span


def with_frame(frame: Frame, context: Context, span: Span | None = None) -> Context:
    """``context`` with ``frame`` in force, and ``span`` current where given. One copy of it, where OpenTelemetry's
    own functions take two for each value."""
    made = Context(context)
    dict.__setitem__(made, _FRAME_KEY, frame)
    if span is not None:
        dict.__setitem__(made, _SPAN_KEY, span)
    return made


def session_key_of(context: Context | None = None) -> str | None:
    """The key of the session in force: this process' own, else the one in baggage, if it is to be accepted."""
    session = current_frame(context).session
    if session is not None:
        return session.key
    remote = baggage.get_baggage(semconv.ATLAS_SESSION_ID, context)
    if not isinstance(remote, str) or not remote:
        return None
    signature = baggage.get_baggage(semconv.ATLAS_SESSION_SIGNATURE, context)
    return remote if state.current().trust.accepts(remote, signature) else None


def with_session_in_baggage(key: str, context: Context | None = None) -> Context:
    """``context`` with the session's key in its baggage, signed, for other processes to join it."""
    context = baggage.set_baggage(semconv.ATLAS_SESSION_ID, key, context)
    signature = state.current().trust.sign(key)
    if signature is None:
        return baggage.remove_baggage(semconv.ATLAS_SESSION_SIGNATURE, context)
    return baggage.set_baggage(semconv.ATLAS_SESSION_SIGNATURE, signature, context)


def step_of(context: Context | None = None) -> StepAttempt | None:
    """The step in force."""
    step = current_frame(context).step
    return step.identity if step is not None else None


def _ways_to_the_context() -> tuple[Callable[[], Context], Callable[[Context], Token[Context]]]:
    """How to get and set what is current: by OpenTelemetry's own ``ContextVar``, in a fraction of its functions' time,
    and by these where another kind of context was chosen (``OTEL_PYTHON_CONTEXT``)."""
    token = otel_context.attach(Context())
    variable = getattr(token, "var", None)
    otel_context.detach(token)
    if isinstance(variable, ContextVar) and isinstance(variable.get(None), Context):
        return variable.get, variable.set
    return otel_context.get_current, otel_context.attach


current_context, activate = _ways_to_the_context()
"""What is current; and make a context current, with a token for :func:`restore`."""


def left_behind(inside: Context, began: Context, around: Context, *, frames: bool = False) -> Context:
    """``around`` with what ``inside`` has that ``began`` had not: what code that ran made current and left so.

    ``frames``: our frame and span are among it too; else a span that is ours stays with the code that opened it. The
    session's key that ``began`` has in its baggage is not carried over.
    """
    absent = object()
    changed = {key for key in {*inside, *began} if inside.get(key, absent) is not began.get(key, absent)}
    if not frames:
        active = current_frame(inside).span
        ours = absent if active is None else active.span
        changed = {key for key in changed if not key.startswith(_OURS) and inside.get(key) is not ours}
    if not changed:
        return around
    carried = {key: value for key, value in around.items() if key not in changed}
    carried.update((key, inside[key]) for key in changed if key in inside)
    context = Context(carried)
    for key in (semconv.ATLAS_SESSION_ID, semconv.ATLAS_SESSION_SIGNATURE):
        mine, ours, theirs = (baggage.get_baggage(key, one) for one in (context, began, around))
        if mine == theirs or (frames and mine != ours):
            continue
        kept = theirs is not None
        context = baggage.set_baggage(key, theirs, context) if kept else baggage.remove_baggage(key, context)
    return context


def restore(token: Token[Context], context: Context | None = None) -> bool:
    """Undo :func:`activate`; whether there was something to undo.

    The token may be of another ``contextvars`` context than this one. A generator that other tasks resume takes what
    is current along: where that is ``context``, the one that was made current, what was before it is again. Else (a
    ``with`` block that is left elsewhere than it was entered, a coroutine closed by the garbage collector) there is
    nothing to undo here. Nothing is logged either way.
    """
    try:
        token.var.reset(token)
    except (ValueError, RuntimeError):
        if context is None or token.var.get(None) is not context:
            return False
        before = token.old_value
        token.var.set(Context() if before is token.MISSING else before)
    return True

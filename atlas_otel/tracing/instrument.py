"""One object under every decorator and context manager: what to name a span, what to capture of a call.

The public names are in ``decorators``; what a span does while it runs is ``active_span``'s.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

from opentelemetry.trace import INVALID_SPAN, SpanKind, set_span_in_context

from atlas_otel import semconv
from atlas_otel.capture.capture import with_types
from atlas_otel.capture.value_forms import clean
from atlas_otel.records.utf8 import keep
from atlas_otel.tracing import model_span, state
from atlas_otel.tracing.active_span import ActiveSpan, around
from atlas_otel.tracing.context import Frame, SessionState, current_frame, session_key_of, with_session_in_baggage
from atlas_otel.tracing.control_flow import expected_types
from atlas_otel.tracing.driving import CALL, STREAM
from atlas_otel.tracing.handles import Observation, Session, Step
from atlas_otel.tracing.span_names import span_name, step_name
from atlas_otel.tracing.suppression import suppressed
from atlas_otel.tracing.wrapping import name_of, wrap

if TYPE_CHECKING:
    from types import TracebackType

    from opentelemetry.context import Context
    from typing_extensions import ParamSpec

    from atlas_otel.models.plan import StepAttempt
    from atlas_otel.records.record import AttributeValue
    from atlas_otel.semconv import Kind

    P = ParamSpec("P")
    R = TypeVar("R")

F = TypeVar("F", bound=Callable[..., Any])
H = TypeVar("H", bound=Observation)

NOT_GIVEN: Final = object()


class Instrument(Generic[H]):
    """What a called decorator returns: decorate with it, or enter it with ``with`` or ``async with``.

    Entering gives the span's handle. One object may be entered again, and decorate several functions.
    """

    def __init__(
        self,
        kind: Kind,
        *,
        text: str | None = None,
        name: str | None = None,
        attributes: Mapping[str, AttributeValue] = MappingProxyType({}),
        capture_input: bool = True,
        capture_output: bool = True,
        ignore_inputs: Sequence[str] = (),
        output_reducer: Callable[[list[Any]], Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        tags: Sequence[str] = (),
        step_id: int | None = None,
        attempt: int | None = None,
        new: bool = False,
        session_key: str | None = None,
        given: object = NOT_GIVEN,
        expected: type[BaseException] | Sequence[type[BaseException]] = (),
    ) -> None:
        self.kind = kind
        self.text = text
        """The session's task, the step's description."""
        self.name = None if name is None else clean(str(name))
        self.attributes = {key: clean(value) if isinstance(value, str) else value for key, value in attributes.items()}
        self.capture_input = capture_input
        self.capture_output = capture_output
        self.ignore_inputs = tuple(ignore_inputs)
        self.output_reducer = output_reducer
        self.metadata = dict(metadata) if metadata else None
        self.tags = [str(tag) for tag in tags]
        self.step_id = step_id
        self.attempt = attempt
        self.new = new
        self.session_key = session_key
        """The key of a session that is opened; None: a fresh one each time."""
        self.given = given
        """What goes in, in a ``with`` block that knows it before it starts."""
        self.expected = expected_types(expected)
        self._entered: list[tuple[int, ActiveSpan]] = []
        """Of each block that is open: the Python frame that it stands in, and its span."""

    # --- as a decorator ------------------------------------------------------------------------------------------

    def __call__(self, function: F) -> F:
        """``function``, with a span around each call. It stays what it is; see ``docs/decorators.md``."""
        name = self.name or clean(name_of(function))

        def enter(arguments: Mapping[str, Any], mode: int = CALL, /) -> ActiveSpan | None:
            parts = state.current()
            if not parts.enabled or suppressed():
                return None
            try:
                active = self._start(parts, name, arguments)
                if mode == STREAM:
                    active.stream()
                active.announce()
                if mode == CALL:
                    active.enter()
            except Exception:
                state.absorbed("enter")
                return None
            return active

        return wrap(function, enter, ignore=self.ignore_inputs)

    # --- as a context manager ------------------------------------------------------------------------------------

    def __enter__(self) -> H:
        """Start the span and make it current."""
        return self._enter_block(id(sys._getframe(1)))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the span, with ``error`` where there is one. Never swallows it."""
        self._exit_block(id(sys._getframe(1)), error)

    async def __aenter__(self) -> H:
        """The same in ``async with``."""
        return self._enter_block(id(sys._getframe(1)))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The same in ``async with``."""
        self._exit_block(id(sys._getframe(1)), error)

    def _enter_block(self, frame: int) -> H:
        entered: list[tuple[int, ActiveSpan]] = []
        try:
            return self._open(frame, entered)
        except BaseException:  # a signal's handler raised: the block is not entered, so nobody leaves it
            if entered:
                self._leave(frame, entered)
            raise

    def _exit_block(self, frame: int, error: BaseException | None) -> None:
        left: list[tuple[int, ActiveSpan]] = []
        try:
            self._leave(frame, left)
        except BaseException:  # a signal's handler raised: the block is left all the same
            self._leave(frame, left)
            raise
        for _, active in left:
            if error is not None:
                active.ended_by(error)
            active.end()

    def _open(self, frame: int, entered: list[tuple[int, ActiveSpan]]) -> H:
        name = self.name or (self.text if self.kind == "step" else None) or self.kind
        parts = state.current()
        if not parts.enabled or suppressed():
            parts = state.SILENT
        try:
            active = self._start(parts, name, None)
        except Exception:  # the block runs all the same, and its handle works
            state.absorbed("enter")
            active = self._start(state.SILENT, name, None)
        handle = self._handle(active)
        if self.given is not NOT_GIVEN:
            handle.input = self.given
        active.announce()
        entered.append((frame, active))
        self._entered.append(entered[0])
        active.enter()
        return handle

    def _leave(self, frame: int, left: list[tuple[int, ActiveSpan]]) -> None:
        """Leave the span of the block that ends, and put it into ``left``. Interrupted anywhere, it is called again."""
        if not left and (opened := self._of_this_block(frame)) is not None:
            left.append(opened)
        for opened in left:
            opened[1].leave()
            with contextlib.suppress(ValueError):
                self._entered.remove(opened)

    def _of_this_block(self, frame: int) -> tuple[int, ActiveSpan] | None:
        """What the block that is left now has opened: tasks and threads may be in blocks of one object at once.

        A ``with`` statement leaves in the frame that entered. Where a helper does (an ``ExitStack``), what is current
        tells; else it is the latest.
        """
        opened = tuple(self._entered)
        current = current_frame().span
        return (
            next((one for one in reversed(opened) if one[0] == frame), None)
            or next((one for one in reversed(opened) if one[1] is current), None)
            or (opened[-1] if opened else None)
        )

    def _handle(self, active: ActiveSpan) -> H:
        if self.kind == "session":
            assert active.session is not None
            return cast("H", Session(active, active.session))
        return cast("H", (Step if self.kind == "step" else Observation)(active))

    # --- the span ------------------------------------------------------------------------------------------------

    def _start(self, parts: state.Instrumentation, name: str, arguments: Mapping[str, Any] | None) -> ActiveSpan:
        """Start the span of one call (``arguments``) or one ``with`` block (None)."""
        context, frame = around()
        given: Mapping[str, AttributeValue] = self.attributes
        if parts.capture.redacts:  # a name that was given may hold anything; a function's own is code
            name = name if self.name is None else parts.capture.name(name, self.kind)
            given = parts.capture.facts(given) if given else given
        if self.kind == "session":
            return self._start_session(parts, name, arguments, context, frame, given)
        session = frame.session or remote_session(context)
        attributes: dict[str, AttributeValue] = {semconv.ATLAS_KIND: self.kind}
        if session is not None:
            attributes[semconv.ATLAS_SESSION_ID] = session.key
            if session.over:
                attributes[semconv.ATLAS_AFTER_SESSION] = True
                state.absorbed("after_session")
        attributes.update(given)
        if self.kind == "step":
            return self._start_step(parts, name, arguments, context, frame, session, attributes)
        if frame.step is not None and frame.step.identity is not None:
            attributes[semconv.ATLAS_STEP_ID], attributes[semconv.ATLAS_STEP_ATTEMPT] = frame.step.identity
        called, span_kind = self._name_span(name, attributes)
        self._describe(parts, name, arguments, frame, attributes)
        active = ActiveSpan(
            parts, self.kind, called, attributes, frame=frame, context=context, session=session, span_kind=span_kind
        )
        return self._outputs_of(active)

    def _start_session(
        self,
        parts: state.Instrumentation,
        name: str,
        arguments: Mapping[str, Any] | None,
        context: Context,
        frame: Frame,
        given: Mapping[str, AttributeValue],
    ) -> ActiveSpan:
        around_it = frame.session or remote_session(context)
        if around_it is not None and around_it.over:
            # A worker that was started in it, and works for somebody else now: neither its session nor its trace.
            around_it, frame, context = None, Frame(), set_span_in_context(INVALID_SPAN, context)
        inner = around_it is not None and not self.new
        key = around_it.key if inner and around_it is not None else self.session_key or state.new_session_key()
        attributes: dict[str, AttributeValue] = {
            semconv.ATLAS_KIND: "agent" if inner else "session",
            semconv.ATLAS_SESSION_ID: key,
            **given,
        }
        called = span_name("session", name, attributes)
        if around_it is not None and not inner:
            attributes[semconv.ATLAS_PARENT_SESSION_ID] = around_it.key
        if not inner and parts.propagate:
            context = with_session_in_baggage(key, context)
        text = self.text if self.text is not None else _first_text(parts, arguments)
        task = parts.capture.text(text, semconv.ATLAS_TASK)
        if task is not None:
            attributes[semconv.ATLAS_TASK] = task
        self._describe(parts, name, arguments, frame, attributes, base=None if inner else parts.metadata)
        session = around_it if inner and around_it is not None else SessionState(key, None)
        active = ActiveSpan(
            parts,
            "agent" if inner else "session",
            called,
            attributes,
            frame=frame if inner else Frame(inherited=frame.inherited),
            context=context,
            session=session,
        )
        if not inner:
            session.root = active
            inherited = (frame.inherited or {}).get("metadata", {})
            session.metadata = {**parts.metadata, **inherited, **(self.metadata or {})}
        return self._outputs_of(active)

    def _start_step(
        self,
        parts: state.Instrumentation,
        name: str,
        arguments: Mapping[str, Any] | None,
        context: Context,
        frame: Frame,
        session: SessionState | None,
        attributes: dict[str, AttributeValue],
    ) -> ActiveSpan:
        description = self.text or name
        identity = None
        # Only the process that opened the session numbers its steps: two that did would give one number twice.
        if session is not None and (session.root is not None or self.step_id is not None):
            identity = session.identify(description, self.step_id, self.attempt)
            attributes[semconv.ATLAS_STEP_ID], attributes[semconv.ATLAS_STEP_ATTEMPT] = identity
        shown = parts.capture.text(description, semconv.ATLAS_STEP_DESCRIPTION)
        if shown is not None:
            attributes[semconv.ATLAS_STEP_DESCRIPTION] = shown
        self._describe(parts, name, arguments, frame, attributes)
        active = ActiveSpan(
            parts,
            "step",
            _step_name(identity, shown if parts.step_descriptions else None),
            attributes,
            frame=frame,
            context=context,
            session=session,
            identity=identity,
        )
        if session is not None and identity is not None:
            session.ran(identity.step, active)
        return self._outputs_of(active)

    def _name_span(self, name: str, attributes: dict[str, AttributeValue]) -> tuple[str, SpanKind]:
        if self.kind != "llm":
            return span_name(self.kind, name, attributes), SpanKind.INTERNAL
        attributes[semconv.ATLAS_NAME] = name
        return span_name("llm", f"{attributes.get(semconv.GEN_AI_REQUEST_MODEL, name)}", attributes), SpanKind.CLIENT

    def _describe(
        self,
        parts: state.Instrumentation,
        name: str,
        arguments: Mapping[str, Any] | None,
        frame: Frame,
        attributes: dict[str, AttributeValue],
        base: Mapping[str, Any] | None = None,
    ) -> None:
        """Arguments, metadata and tags; ``base`` is metadata that every session gets."""
        capture = parts.capture
        truncated = 0
        described: tuple[str, ...] = ()
        if arguments is not None and self.capture_input:
            rest: Mapping[str, Any] = arguments
            if self.kind == "llm":
                rest, truncated, described = model_span.describe_request(parts, arguments, attributes)
            key = semconv.GEN_AI_TOOL_CALL_ARGUMENTS if self.kind == "tool" else semconv.ATLAS_INPUT
            captured = capture.value(rest, key) if rest or self.kind != "llm" else None
            if captured is not None:
                attributes[key] = keep(captured.data, parts.utf8_over)
                truncated += captured.truncated
                described += captured.described
        inherited = frame.inherited or {}
        metadata = self.metadata
        if base or "metadata" in inherited:
            metadata = {**(base or {}), **inherited.get("metadata", {}), **(self.metadata or {})}
        if metadata:
            captured = capture.value(metadata, semconv.ATLAS_METADATA)
            if captured is not None:
                attributes[semconv.ATLAS_METADATA] = captured.json
        if tags := [*inherited.get("tags", ()), *self.tags]:
            kept = [tag for tag in (capture.text(tag, semconv.ATLAS_TAGS) for tag in tags) if tag is not None]
            if kept:
                attributes[semconv.ATLAS_TAGS] = kept
        if "user_id" in inherited:
            user = capture.text(inherited["user_id"], semconv.ATLAS_USER_ID)
            if user is not None:
                attributes[semconv.ATLAS_USER_ID] = user
        if truncated:
            attributes[semconv.ATLAS_TRUNCATED] = truncated
        if described:
            attributes[semconv.ATLAS_DESCRIBED] = with_types(None, described)

    def _outputs_of(self, active: ActiveSpan) -> ActiveSpan:
        active.reducer = self.output_reducer
        if self.expected:
            active.expected = (*self.expected, *active.expected)
        if not self.capture_output:
            active.output_key = None
        elif self.kind == "tool":
            active.output_key = semconv.GEN_AI_TOOL_CALL_RESULT
        if self.kind == "llm" and self.capture_output:
            active.describe = model_span.describe_answer
            active.join = model_span.join_stream
        return active


def _step_name(identity: StepAttempt | None, description: str | None) -> str:
    if identity is None:
        return step_name(None, description)
    return step_name(identity.step, description, identity.number)


def remote_session(context: Context | None = None) -> SessionState | None:
    """The session of another process that ``context``'s baggage names."""
    key = session_key_of(context)
    return SessionState(key, None) if key is not None else None


def _first_text(parts: state.Instrumentation, arguments: Mapping[str, Any] | None) -> str:
    """A task is the call's first argument: its text, or its description. Nothing of a stranger's object runs."""
    value = next(iter(arguments.values()), "") if arguments else ""
    if issubclass(type(value), str):  # and never isinstance: a stranger's ``__class__`` may run code
        return str.__str__(value)
    captured = parts.capture.value(value, semconv.ATLAS_TASK)
    return captured.json if captured is not None else ""

"""What ``with atlas.step(...) as step`` gives: a small handle on the active span in force."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atlas_otel import semconv
from atlas_otel.tracing.state import absorbed
from atlas_otel.tracing.whole_number import whole_number

if TYPE_CHECKING:
    from atlas_otel.tracing.context import SessionState, SpanInForce


class Observation:
    """A span of ours while it runs. Setting something after its end does nothing."""

    __slots__ = ("_active", "_input", "_output")

    def __init__(self, active: SpanInForce) -> None:
        self._active = active
        self._input: Any = None
        self._output: Any = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Observation) and other._active is self._active

    def __hash__(self) -> int:
        return hash(id(self._active))

    @property
    def trace_id(self) -> str:
        """The trace's id: 32 hex digits, as Jaeger shows it; zeros where no tracer is at work."""
        return self._active.trace_id

    @property
    def span_id(self) -> str:
        """The span's id: 16 hex digits."""
        return self._active.span_id

    @property
    def input(self) -> Any:
        """What went in: set it. Reads as what was set through this handle, else None."""
        return self._input

    @input.setter
    def input(self, value: object) -> None:
        self._input = value
        self._set(_INPUT_KEYS.get(self._active.kind, semconv.ATLAS_INPUT), value)

    @property
    def output(self) -> Any:
        """What came out: set it. Reads as what was set through this handle, else None."""
        return self._output

    @output.setter
    def output(self, value: object) -> None:
        self._output = value
        try:
            self._active.output(value)
        except Exception:
            absorbed("capture")

    def set_metadata(self, metadata: dict[str, Any]) -> None:
        """Keep ``metadata`` (JSON-like) with this span; a later call replaces it whole."""
        self._set(semconv.ATLAS_METADATA, metadata)

    def set_usage(self, *, input_tokens: int | None = None, output_tokens: int | None = None) -> None:
        """Tokens that the model call took, where they cannot be read from what it returned."""
        counts = (
            (semconv.GEN_AI_USAGE_INPUT_TOKENS, input_tokens),
            (semconv.GEN_AI_USAGE_OUTPUT_TOKENS, output_tokens),
        )
        for key, tokens in counts:
            if tokens is not None:
                number = whole_number(tokens)
                if number is None:  # it would spoil the whole record
                    absorbed("capture")
                else:
                    self._active.set(key, number)

    def fail(self, error: BaseException) -> None:
        """Mark the span as failed with ``error``, though nothing is raised: a rejected attempt, say."""
        self._active.fail(error)

    def _set(self, key: str, value: object) -> None:
        try:
            self._active.set_value(key, value)
        except Exception:
            absorbed("capture")


_INPUT_KEYS = {"tool": semconv.GEN_AI_TOOL_CALL_ARGUMENTS}


class Step(Observation):
    """A step of the session's plan, one attempt at it."""

    __slots__ = ()

    @property
    def id(self) -> int:
        """The step's number in the session's plan."""
        identity = self._active.identity
        return identity.step if identity is not None else 0

    @property
    def attempt(self) -> int:
        """Which attempt at the step this is, from 1."""
        identity = self._active.identity
        return identity.number if identity is not None else 1


class Session(Observation):
    """One task given to an agent, with its final answer."""

    __slots__ = ("_state",)

    def __init__(self, active: SpanInForce, state: SessionState) -> None:
        super().__init__(active)
        self._state = state

    @property
    def id(self) -> str:
        """The session's key: random, ours; every command takes it (or ``sessions.id``)."""
        return self._state.key

    @property
    def final_answer(self) -> Any:
        """The answer to the task: set it. What a decorated function returns is set for it. The same as ``output``."""
        return self._output

    @final_answer.setter
    def final_answer(self, value: object) -> None:
        self.output = value

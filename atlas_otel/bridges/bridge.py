"""What every bridge does: follow a stream, and record its steps in the session in force, or in one of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from opentelemetry import context as otel_context

from atlas_otel.models.intermediate_step import IntermediateStep, IntermediateStepType
from atlas_otel.steps.manager import IntermediateStepManager
from atlas_otel.tracing import state
from atlas_otel.tracing.context import activate, restore, session_key_of
from atlas_otel.tracing.decorators import session

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from types import TracebackType

    from opentelemetry.context import Context
    from typing_extensions import Self


class Stream(Protocol):
    """A foreign manager or event stream."""

    def subscribe(self, on_next: Callable[[Any], Any]) -> Any:
        """Have ``on_next`` called with every step; the answer may have ``unsubscribe()``."""


class Bridge:
    """Records what a foreign stream publishes, until :meth:`close` (or the end of a ``with`` block).

    Where a session of ours is in force, the steps are a part of it. Else a WORKFLOW that starts is a session; steps
    that come without one get a session that lasts until the bridge is closed, named ``name``, with the first step's
    name as its task. A step that cannot be read is counted (``bridge``); nothing is raised into the foreign code.
    """

    def __init__(self, read: Callable[[Any], IntermediateStep], name: str) -> None:
        self._read = read
        self._name = name
        self._manager = IntermediateStepManager()
        self._subscription: Any = None
        self._own: AbstractContextManager[Any] | None = None
        self._around: Context | None = None

    def follow(self, stream: Stream) -> Self:
        """Record what ``stream`` publishes from now on."""
        self._subscription = stream.subscribe(self.take)
        return self

    def take(self, foreign: Any) -> None:
        """Record one step: what a stream is given to call."""
        try:
            step = self._read(foreign)
            begins = step.event_type is IntermediateStepType.WORKFLOW_START
            if session_key_of() is None and not self._manager.began_session:
                if self._own is None and not begins:
                    self._open_session(step)
                if self._around is not None:
                    # Another task or thread than the one where the session was opened.
                    token = activate(self._around)
                    try:
                        self._manager.record_step(step)
                    finally:
                        restore(token)
                    return
            self._manager.record_step(step)
        except Exception:  # neither project's agent is harmed by what a step holds
            state.absorbed("bridge")

    def _open_session(self, step: IntermediateStep) -> None:
        self._own = session(step.name or self._name, name=self._name)
        self._own.__enter__()
        self._around = otel_context.get_current()

    def close(self, error: BaseException | None = None) -> None:
        """Follow no longer. Steps that are open end here, failed: with ``error``, else as abandoned. Idempotent."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None and hasattr(subscription, "unsubscribe"):
            try:
                subscription.unsubscribe()
            except Exception:  # theirs
                state.absorbed("bridge")
        self._manager.close(error)
        own, self._own = self._own, None
        if own is not None:
            own.__exit__(type(error) if error is not None else None, error, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(error)


def as_step(foreign: Any, payload: dict[str, Any]) -> IntermediateStep:
    """``payload`` (contract §1) where ``foreign`` stands in its stream."""
    return IntermediateStep.model_validate(
        {
            "parent_id": foreign.parent_id,
            "function_ancestry": foreign.function_ancestry.model_dump(),
            "payload": payload,
        }
    )

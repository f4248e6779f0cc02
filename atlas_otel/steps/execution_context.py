"""What an adapter or a tool may ask of the run that it works in (contract §5)."""

from __future__ import annotations

import weakref
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from atlas_otel.steps.manager import IntermediateStepManager
from atlas_otel.tracing.context import current_frame, session_key_of, step_of
from atlas_otel.tracing.reporting import set_metadata

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlas_otel.models.plan import StepAttempt
    from atlas_otel.tracing.context import SessionState

_managers: weakref.WeakKeyDictionary[SessionState, IntermediateStepManager] = weakref.WeakKeyDictionary()
_outside = IntermediateStepManager()


class SessionMetadata(MutableMapping[str, Any]):
    """The metadata of the session in force, as this process knows it; setting a key records it.

    A key that is deleted is gone from here only: what was recorded stays. Empty, and not kept, outside of a session.
    """

    def __init__(self, session: SessionState | None) -> None:
        self._held = session.metadata if session is not None else {}

    def __getitem__(self, key: str) -> Any:
        return self._held[key]

    def __setitem__(self, key: str, value: Any) -> None:
        set_metadata({key: value})

    def __delitem__(self, key: str) -> None:
        del self._held[key]

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._held))

    def __len__(self) -> int:
        return len(self._held)


class ExecutionContext:
    """The run in force where :meth:`get` is called. In a governed run its metadata holds, besides the caller's,
    ``adapter_capabilities`` (in effect) and ``adapter_capabilities_reported`` (the adapter's answer)."""

    def __init__(self, session: SessionState | None, session_id: str | None, step: StepAttempt | None) -> None:
        self._session = session
        self.session_id = session_id
        """The session's key; None outside of any."""
        self.step_id = step.step if step is not None else None
        """The number of the step in force."""
        self.attempt = step.number if step is not None else None
        """Which attempt at it, from 1."""

    @staticmethod
    def get() -> ExecutionContext:
        """The one in force here."""
        return ExecutionContext(current_frame().session, session_key_of(), step_of())

    @property
    def metadata(self) -> MutableMapping[str, Any]:
        """The session's metadata."""
        return SessionMetadata(self._session)

    @property
    def intermediate_step_manager(self) -> IntermediateStepManager:
        """The session's manager, the same at every call; outside of a session the process' one."""
        if self._session is None:
            return _outside
        return _managers.setdefault(self._session, IntermediateStepManager())

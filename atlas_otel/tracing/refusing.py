"""What a report cannot mean is refused without harm to the agent: counted and logged, never raised into its run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atlas_otel.errors import UsageError
from atlas_otel.process.quiet_log import QuietLog
from atlas_otel.tracing import state

if TYPE_CHECKING:
    from types import TracebackType

_log: Final = QuietLog("atlas_otel.reporting")


class Refusing:
    """``with REFUSING: …``: what the block raises is kept from the caller; it is not recorded.

    Plans come from models and scores from judges: a NaN among them is the run's data, not a reason to end the run. What
    a :class:`~atlas_otel.errors.UsageError` says goes to the log; anything else is only counted, since its text may
    hold content.
    """

    __slots__ = ()

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> bool:
        if error is None or not isinstance(error, Exception):
            return False
        state.absorbed("report_refused")
        if isinstance(error, UsageError):
            _log.warning("not recorded: %s", error)
        else:
            _log.warning("not recorded: a report raised %s", type(error).__name__)
        return True


REFUSING: Final = Refusing()

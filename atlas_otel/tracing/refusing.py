"""What a report cannot mean is refused without harm to the agent: counted and logged, never raised into its run."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Final

from atlas_otel.errors import UsageError
from atlas_otel.process.quiet_log import QuietLog
from atlas_otel.tracing import state

if TYPE_CHECKING:
    from types import TracebackType

_log: Final = QuietLog("atlas_otel.reporting")
_places_log: Final = logging.getLogger("atlas_otel.reporting")
_PACKAGE: Final = __name__.partition(".")[0]
_MAX_PLACES: Final = 100
_places: set[str] = set()


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


def outside_session(what: str) -> None:
    """Count a report that nothing is there to take; where recording is on, say once for each place in the code."""
    state.absorbed("event_outside_session")
    parts = state.current()
    if not (parts.records or parts.adopted or parts.own is not None):  # nobody asked for a record
        return
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
        frame = frame.f_back
    place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
    if place in _places or len(_places) >= _MAX_PLACES:
        return
    _places.add(place)
    _places_log.warning(
        "%s was reported at %s outside a session, and is not recorded: report it inside one, or name it (session_id=…)",
        what,
        place,
    )

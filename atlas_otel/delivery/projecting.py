"""When the drain has the store project what was stored, and which sessions.

What this process recorded waits for the end of one projection; while records keep coming, projecting takes only a share
of the thread's time, since it holds the interpreter.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from atlas_otel.delivery.own_sessions import OwnSessions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from atlas_otel.delivery.store_writer import StoreWriter
    from atlas_otel.records.record import Record
    from atlas_otel.settings import Projection

PROJECT_LIMIT: Final = 50
"""Sessions that are projected in one go; what this process records waits for its end."""
_EVERY_S: Final = 0.4
"""How often sessions that grow are projected, unless a flush asks for it."""
_HELD_S: Final = 0.05
"""After how long sessions that other processes were projecting are looked at again."""
_SHARE: Final = 0.2
"""The most of this thread's time that projecting takes while records keep coming."""
_LATEST_S: Final = 5.0
_SETTLE_S: Final = (1.0, 3.0)
"""How long after the last record the store is asked to project once more: it may have left a session to another
process, which held it."""


class Projecting:
    """What is to be projected, and when. For one thread.

    Asked between two goes: ``stopping``, whether the thread is to end, and ``waiting``, whether there is something to
    store.
    """

    def __init__(
        self,
        writer: StoreWriter,
        projection: Projection,
        every_s: float | None,
        settle_s: Sequence[float],
        *,
        stopping: Callable[[], bool],
        waiting: Callable[[], bool],
    ) -> None:
        self._writer = writer
        self._projection = projection
        self._every_s = every_s
        self._settle_s = (*_SETTLE_S, *settle_s)
        self._stopping = stopping
        self._waiting = waiting
        self.own = OwnSessions() if projection == "own" else OwnSessions(None)
        self.behind = False
        """Whether rows may be behind what is stored."""
        self._next_at = 0.0
        self._settle_at: list[float] = []
        self._sweep_at: float | None = None if every_s is None else time.monotonic()

    def stored(self, records: Sequence[Record]) -> None:
        """Records were stored."""
        if self._projection != "none":
            self.own.add(records)
        self.behind = True

    @property
    def due(self) -> list[float]:
        """The moments at which there will be something to do."""
        sweep = [] if self._sweep_at is None else [self._sweep_at]
        return [*self._settle_at, *sweep, *([self._next_at] if self.behind else [])]

    def work(self, now_please: bool) -> None:
        """Project where that is due; at once where somebody waits for it (``now_please``)."""
        began = time.monotonic()
        settled = [moment for moment in self._settle_at if moment <= began]
        swept = self._sweep_at is not None and began >= self._sweep_at
        if not (settled or swept or (self.behind and (now_please or began >= self._next_at))):
            return
        held_by_others = self._project_own()
        behind = self._project_any() or held_by_others
        if self._stopping():
            return
        ended = time.monotonic()
        self._settle_at = [moment for moment in self._settle_at if moment not in settled]
        if self.behind:
            self._settle_at = [ended + after for after in self._settle_s]
        self.behind = behind
        if self._every_s is not None:
            self._sweep_at = ended + self._every_s
        pause = max(_EVERY_S, (ended - began) / _SHARE)
        self._next_at = ended + (_HELD_S if held_by_others else min(pause, _LATEST_S))

    def _project_own(self) -> bool:
        """Project the sessions that this process stored records of; whether one is left that another process holds."""
        while self.own and self._projection != "none":
            wanted = self.own.wanted()
            if not (wanted.keys or wanted.traces):
                break
            result = self._writer.project_wanted(wanted, PROJECT_LIMIT)
            self.own.projected(wanted, result)
            if result.done < PROJECT_LIMIT or self._stopping() or self._waiting():
                return result.busy > 0 or result.done >= PROJECT_LIMIT
        return False

    def _project_any(self) -> bool:
        """Project what others left, where that is wanted; whether there is more."""
        behind = self._projection == "any"
        while behind and not self._stopping():
            behind = self._writer.project(PROJECT_LIMIT) >= PROJECT_LIMIT
            # Others may have left thousands of sessions: our own records do not wait for all of them.
            if self._waiting():
                break
        return behind

"""The sessions that this process stores records of, until their rows follow."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from atlas_otel.projection.trace_sessions import late_target
from atlas_otel.records.record import SpanRecord
from atlas_otel.records.store import Wanted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlas_otel.records.record import Record
    from atlas_otel.records.store import Projected

MAX_WEIGHT: Final = 4 * 1024 * 1024
"""How many bytes of records an agent holds to project: some five times that in memory, by measurement."""
_LARGE_AGAIN_S: Final = 60.0
"""How long a session that is too large is not asked about: weighing it takes the server's time."""
_AT_ONCE: Final = 10_000


class OwnSessions:
    """Names the sessions that are still to be projected. For one thread."""

    def __init__(self, max_weight: int | None = MAX_WEIGHT) -> None:
        self._max_weight = max_weight
        self._keys: dict[str, None] = {}
        self._traces: dict[str, None] = {}
        self._large: dict[str, float] = {}
        self.failed: dict[str, str] = {}
        """Why rows could not be computed, by key."""

    def __bool__(self) -> bool:
        return bool(self._keys or self._traces)

    def without_rows(self) -> str | None:
        """Why a session has no rows, or old ones; None where all have theirs."""
        for key in self._large.copy():
            return (
                f"session {key} holds more than an agent keeps in memory: `atlas-otel project`, `collect` or an export "
                "computes its rows"
            )
        for key, reason in self.failed.copy().items():
            return f"the rows of session {key} cannot be computed ({reason.partition(':')[0]})"
        return None

    def add(self, records: Iterable[Record]) -> None:
        """Records of these sessions were stored."""
        for record in records:
            if record.session_key is not None:
                self._keys[record.session_key] = None
                continue
            self._traces[record.trace_id] = None
            target = late_target(record) if isinstance(record, SpanRecord) else None
            if target is not None:
                self._traces[target[0]] = None

    def wanted(self) -> Wanted:
        """What is to be projected now."""
        now = time.monotonic()
        keys = [key for key in self._keys if self._large.get(key, now) <= now]
        return Wanted(keys[:_AT_ONCE], list(self._traces)[:_AT_ONCE], self._max_weight)

    def projected(self, wanted: Wanted, result: Projected) -> None:
        """Forget those that are up to date."""
        for key in wanted.keys:
            self._keys.pop(key, None)
            self._large.pop(key, None)
            self.failed.pop(key, None)
        for key in result.pending:
            self._keys[key] = None
        if not result.busy:
            for trace_id in wanted.traces:
                self._traces.pop(trace_id, None)
        self._large.update(dict.fromkeys(result.large, time.monotonic() + _LARGE_AGAIN_S))
        self.failed.update(result.failed)

"""What a projector remembers of sessions that go on, so that a long one is not read again at each look."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection

    from atlas_otel.models.rows import Quiescence, SessionRows
    from atlas_otel.postgres.rows_writer import RowChange, Written
    from atlas_otel.records.record import Record

_WORTH_IT: Final = 256
"""Records from which on a session is remembered: a shorter one is read again in milliseconds."""
_WORTH_IT_BOUNDED: Final = 8
"""The same where a weight bounds what is remembered: an agent's session is projected several times while it runs."""
_MAX_RECORDS: Final = 100_000
_MAX_SETTLEMENT_BYTES: Final = 16 * 1024 * 1024


class Fold(Protocol):
    """A session that is projected as its records come, such as ``atlas_otel.projection.project.SessionFold``."""

    def add(self, record: Record) -> None:
        """Join one record in."""

    def rows(self, quiescence: Quiescence) -> SessionRows | None:
        """The rows that all records so far come to, with its events in the order of time and key.

        ``quiescence``: how long nothing has come.
        """


class Followed(NamedTuple):
    """A session as this process last projected it."""

    id: int
    revision: int
    """Up to which its records are in the fold; it stands as ``projected_revision`` in the database for as long as
    nobody else has projected the session, or asked for it to be computed again."""
    fold: Fold
    records: int
    written: Written
    weight: int = 0
    """What its records weigh, in bytes; known where there is a bound."""


class Settlement(NamedTuple):
    """What is to be written once a session has been quiet, computed when it was last projected: what came over OTLP
    reads as over only then, and nothing else about it has changed."""

    id: int
    revision: int
    """As :attr:`Followed.revision`."""
    quiescence: Quiescence
    """How quiet it must be; where it is quieter still, the rows are computed anew."""
    change: RowChange
    size: int


class Settlements:
    """The sessions that were projected whole and wait for quiet, the oldest first; bounded by their bytes."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, Settlement] = OrderedDict()
        self._size = 0

    def put(self, key: str, settlement: Settlement) -> None:
        """Keep one, in place of what is known of the session."""
        self._forget(key)
        self._sessions[key] = settlement
        self._size += settlement.size
        while self._size > _MAX_SETTLEMENT_BYTES:
            self._forget(next(iter(self._sessions)))

    def find(self, key: str, session_id: int | None, revision: int, projected_revision: int) -> Settlement | None:
        """What is kept of a session, if nobody has written or projected it since."""
        kept = self._sessions.get(key)
        if kept is None or (kept.id, kept.revision, kept.revision) != (session_id, revision, projected_revision):
            return None
        return kept

    def take(self, key: str, session_id: int | None, revision: int, projected_revision: int) -> Settlement | None:
        """The same, and it is kept no longer."""
        found = self.find(key, session_id, revision, projected_revision)
        self._forget(key)
        return found

    def _forget(self, key: str) -> None:
        gone = self._sessions.pop(key, None)
        if gone is not None:
            self._size -= gone.size


class Following:
    """The followed sessions, those projected longest ago first; bounded by their records."""

    def __init__(self, max_weight: int | None = None) -> None:
        """``max_weight``: of all sessions that are remembered, in bytes of records."""
        self._max_weight = max_weight
        self._worth_it = _WORTH_IT if max_weight is None else _WORTH_IT_BOUNDED
        self._weight = 0
        self._sessions: OrderedDict[str, Followed] = OrderedDict()
        self._records = 0

    def take(self, key: str, session_id: int | None, projected_revision: int) -> Followed | None:
        """What is remembered of a session, if it is still so; it is forgotten until it is put back."""
        since = self.revision(key, session_id, projected_revision)
        followed = self._sessions.pop(key, None)
        if followed is None:
            return None
        self._records -= followed.records
        self._weight -= followed.weight
        return followed if since else None

    def weight(self, key: str) -> int:
        """What is remembered of a session weighs so much."""
        followed = self._sessions.get(key)
        return followed.weight if followed is not None else 0

    def make_room(self, keys: Collection[str], weight: int) -> None:
        """Forget others than these sessions, which come to ``weight``, until all together are within the bound."""
        if self._max_weight is None:
            return
        others = [key for key in self._sessions if key not in keys]
        excess = sum(self.weight(key) for key in others) + weight - self._max_weight
        for key in others:
            if excess <= 0:
                break
            gone = self._sessions.pop(key)
            self._records -= gone.records
            self._weight -= gone.weight
            excess -= gone.weight

    def revision(self, key: str, session_id: int | None, projected_revision: int) -> int:
        """Up to which revision its records are remembered; 0: none, or no longer as they are."""
        followed = self._sessions.get(key)
        if followed is None or (followed.id, followed.revision) != (session_id, projected_revision):
            return 0
        return followed.revision

    def is_worth(self, records: int) -> bool:
        """Whether a session of so many records is remembered while it runs."""
        return records >= self._worth_it

    def put(self, key: str, followed: Followed) -> None:
        """Remember a session that runs and is long."""
        if not self.is_worth(followed.records) or followed.written.rows.session.status != "running":
            return
        if self._max_weight is not None and followed.weight > self._max_weight:
            return
        self._sessions[key] = followed
        self._records += followed.records
        self._weight += followed.weight
        while (self._records > _MAX_RECORDS or self._too_heavy) and len(self._sessions) > 1:
            _, oldest = self._sessions.popitem(last=False)
            self._records -= oldest.records
            self._weight -= oldest.weight

    @property
    def _too_heavy(self) -> bool:
        return self._max_weight is not None and self._weight > self._max_weight

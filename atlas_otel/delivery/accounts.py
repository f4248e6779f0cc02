"""What became of every span and event of this process: started = stored + open + spooled + dropped, by cause.

Spans are counted, not records: a span may have several records (an open snapshot, then its end), and it is stored
when its end is. Each number is kept by the code path that it describes, none is computed from the others, so that
:attr:`Tally.balances` is a check and not a tautology.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from atlas_otel.process import fork
from atlas_otel.records.record import RANK_OPEN, EventRecord, Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Cause: TypeAlias = Literal[
    "queue_full", "spool_full", "disk_full", "spool_error", "poisoned", "unencodable", "shutdown", "error"
]
"""Why something was dropped.

``queue_full``: the memory journal was at its bound; ``spool_full``: the spool folder was; ``disk_full``: the disk, or a
quota; ``spool_error``: the spool's files could not be written for another reason; ``poisoned``: the store refused this
very record for good; ``unencodable``: it is not JSON; ``shutdown``: it came after the shutdown, or was still in memory
when the time for it was over; ``error``: a defect of ours, kept from the agent.
"""

_NOTHING: Final[Mapping[str, int]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Tally:
    """The balance of one sort of thing at one moment. ``spooled``: accepted (queued, or in files), not yet stored."""

    started: int = 0
    stored: int = 0
    open: int = 0
    spooled: int = 0
    dropped: Mapping[str, int] = field(default_factory=lambda: _NOTHING)

    @property
    def lost(self) -> int:
        """How many were dropped, for whatever cause."""
        return sum(self.dropped.values())

    @property
    def balances(self) -> bool:
        """Whether everything that was started is accounted for."""
        return self.started == self.stored + self.open + self.spooled + self.lost


@dataclass(frozen=True, slots=True)
class AccountsSnapshot:
    """The accounts of this process at one moment.

    Outside the balances stand: ``forked``, ends of spans that another process (before a fork) started, and accounts
    for; ``adopted``, records of dead processes that this one stored from their spool; ``adopted_dropped``, such records
    that could not be; ``snapshots_dropped``, open snapshots that were refused (their spans' ends are counted on their
    own); ``absorbed``, what is missing or odd and no span (values withheld, reports not recorded, exceptions kept from
    the agent), by cause: ``delivery.causes`` says what each means; ``waiting``, why the store takes nothing at the
    moment (None: it does, or nothing was tried yet); ``handed``, spans given to the export over OTLP, and ``sent``,
    those of them that a Collector took (the rest waits, or was given up: Jaeger lacks it, the record not).
    """

    spans: Tally = field(default_factory=Tally)
    events: Tally = field(default_factory=Tally)
    forked: int = 0
    adopted: int = 0
    adopted_dropped: int = 0
    snapshots_dropped: int = 0
    absorbed: Mapping[str, int] = field(default_factory=lambda: _NOTHING)
    waiting: str | None = None
    handed: int = 0
    sent: int = 0

    @property
    def balances(self) -> bool:
        """Whether both tallies do."""
        return self.spans.balances and self.events.balances

    @property
    def dropped(self) -> Mapping[str, int]:
        """Spans and events that were dropped, by cause."""
        return dict(Counter(self.spans.dropped) + Counter(self.events.dropped))


def is_snapshot(record: Record) -> bool:
    """Whether a record is a span's open snapshot: it shows the span, and is not counted as one."""
    return not isinstance(record, EventRecord) and record.rank <= RANK_OPEN


def count_spans_and_events(records: Iterable[Record]) -> tuple[int, int]:
    """How many spans (by their ends) and events stand among ``records``."""
    spans = events = 0
    for record in records:
        if isinstance(record, EventRecord):
            events += 1
        elif record.rank > RANK_OPEN:
            spans += 1
    return spans, events


class _Count:
    """A tally while it is being kept. Its owner holds the lock."""

    __slots__ = ("dropped", "open", "spooled", "started", "stored")

    def __init__(self) -> None:
        self.started = self.stored = self.open = self.spooled = 0
        self.dropped: Counter[str] = Counter()

    def tally(self) -> Tally:
        return Tally(self.started, self.stored, self.open, self.spooled, MappingProxyType(dict(self.dropped)))


class Accounts:
    """Keeps the accounts of this process. Thread-safe; each method is a few increments under one lock.

    The lock is reentrant, since a signal handler or a finalizer may end a span on the thread that holds it.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew: a forked child has accounts of its own."""
        self._lock = fork.lock()
        self._spans = _Count()
        self._events = _Count()
        self._forked = 0
        self._adopted = 0
        self._adopted_dropped = 0
        self._last: Record | None = None
        self._snapshots_dropped = 0
        self._absorbed: Counter[str] = Counter()
        self._waiting: str | None = None
        self._given_up = 0

    def span_started(self) -> None:
        """A span began."""
        with self._lock:
            self._spans.started += 1
            self._spans.open += 1

    def event_started(self) -> None:
        """An event was reported."""
        with self._lock:
            self._events.started += 1
            self._events.open += 1

    def accepted(self, record: Record) -> None:
        """A journal took ``record``."""
        if isinstance(record, EventRecord):
            count = self._events
        elif record.rank > RANK_OPEN:
            count = self._spans
        else:
            return
        with self._lock:
            self._last = record
            count.open -= 1
            count.spooled += 1

    def refused(self, record: Record, cause: Cause) -> None:
        """A journal did not take ``record``."""
        with self._lock:
            if is_snapshot(record):
                self._snapshots_dropped += 1
                return
            count = self._events if isinstance(record, EventRecord) else self._spans
            self._last = record
            count.open -= 1
            count.dropped[cause] += 1

    def knows(self, record: Record) -> bool:
        """Whether ``record`` was the last that was accepted or refused: asked where a signal interrupted that."""
        return self._last is record

    def stored(self, spans: int, events: int) -> None:
        """The store committed what a journal had taken."""
        with self._lock:
            self._spans.spooled -= spans
            self._spans.stored += spans
            self._events.spooled -= events
            self._events.stored += events

    def lost(self, spans: int, events: int, cause: Cause) -> None:
        """What a journal had taken was given up."""
        with self._lock:
            self._given_up += spans + events
            self._spans.spooled -= spans
            self._events.spooled -= events
            if spans:
                self._spans.dropped[cause] += spans
            if events:
                self._events.dropped[cause] += events

    @property
    def given_up(self) -> int:
        """How many spans and events were lost after a journal had taken them."""
        return self._given_up

    def forked(self) -> None:
        """A span of another process ended in this one."""
        with self._lock:
            self._forked += 1

    def adopted(self, stored: int, dropped: int) -> None:
        """Records of a dead process were stored, or could not be."""
        with self._lock:
            self._adopted += stored
            self._adopted_dropped += dropped

    def absorbed(self, place: str) -> None:
        """An exception was kept from the agent."""
        with self._lock:
            self._absorbed[place] += 1

    def waits(self, reason: str | None) -> None:
        """The store takes nothing, for this reason; None: it does."""
        self._waiting = reason

    def snapshot(self) -> AccountsSnapshot:
        """The accounts now."""
        with self._lock:
            return AccountsSnapshot(
                spans=self._spans.tally(),
                events=self._events.tally(),
                forked=self._forked,
                adopted=self._adopted,
                adopted_dropped=self._adopted_dropped,
                snapshots_dropped=self._snapshots_dropped,
                absorbed=MappingProxyType(dict(self._absorbed)),
                waiting=self._waiting,
            )

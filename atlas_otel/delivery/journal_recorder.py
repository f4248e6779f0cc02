"""The recorder in force once something is configured: records go to a journal, and every one into the accounts."""

from __future__ import annotations

import weakref
from collections import deque
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlas_otel.delivery.accounts import Accounts
    from atlas_otel.delivery.journal import Journal
    from atlas_otel.records.record import EventRecord, SpanRecord
    from atlas_otel.records.recorder import OpenSpan

MAX_OPEN_SPANS: Final = 100_000
"""How many spans may run at once and still be shown while they do; those beyond appear when they end."""
_PRUNE_AT: Final = 1_000


class Wakes(Protocol):
    """Something that sleeps until there is work: the drain."""

    def wake(self) -> None:
        """There is work. Never raises."""


class RunningSpans:
    """The spans that run, held weakly: appended to by the agent's threads, looked through by the drain."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all: in a forked child they are the parent's."""
        self._new: deque[tuple[weakref.ref[OpenSpan], bool]] = deque(maxlen=MAX_OPEN_SPANS)
        self._young: list[tuple[weakref.ref[OpenSpan], bool]] = []
        self._old: list[weakref.ref[OpenSpan]] = []
        self._prune_at = _PRUNE_AT

    def add(self, span: OpenSpan, *, shown: bool) -> None:
        """A span began; ``shown``: its open snapshot is recorded already."""
        self._new.append((weakref.ref(span), shown))

    @property
    def has_unshown(self) -> bool:
        """Whether any span may have to be shown at the next look."""
        return bool(self._new or self._young)

    @property
    def any_open(self) -> bool:
        """Whether any span still runs."""
        return any(map(_open, [*self._old, *(r for r, _ in self._young), *(r for r, _ in self._new)]))

    def look(self) -> Iterator[SpanRecord]:
        """Snapshots of the spans that ran at the last look already, and have not been shown."""
        young, self._young = self._young, []
        for reference, shown in young:
            span = reference()
            record = span.snapshot() if span is not None else None
            if record is not None:
                self._old.append(reference)
                if not shown:
                    yield record
        while self._new:
            reference, shown = self._new.popleft()
            if reference() is not None:
                self._young.append((reference, shown))
        if len(self._old) > self._prune_at:
            self._old = [reference for reference in self._old if _open(reference)]
            self._prune_at = max(_PRUNE_AT, 2 * len(self._old))

    def look_again(self) -> Iterator[SpanRecord]:
        """Snapshots of all spans that run and were shown."""
        still: list[weakref.ref[OpenSpan]] = []
        for reference in self._old:
            span = reference()
            record = span.snapshot() if span is not None else None
            if record is not None:
                still.append(reference)
                yield record
        self._old = still


def _open(reference: weakref.ref[OpenSpan]) -> bool:
    span = reference()
    return span is not None and span.snapshot() is not None


class JournalRecorder:
    """A ``Recorder`` over a journal. Never raises, never waits."""

    def __init__(self, journal: Journal, accounts: Accounts, drain: Wakes, running: RunningSpans) -> None:
        self._journal = journal
        self._accounts = accounts
        self._drain = drain
        self._running = running

    def span_started(self, span: OpenSpan, *, durable: bool) -> None:
        """Count the span; record its open snapshot now (``durable``), or leave that to the drain."""
        self._accounts.span_started()
        try:
            if durable:
                snapshot = span.snapshot()
                if snapshot is not None:
                    self._journal.append(snapshot)
            self._running.add(span, shown=durable)
        except Exception:  # the agent comes first: its call goes on, and the failure is counted
            self._accounts.absorbed("span_started")
        if self._journal.idle:
            self._drain.wake()

    def span_ended(self, record: SpanRecord) -> None:
        """Append the span's end."""
        self._append(record, "span_ended")

    def span_found(self, record: SpanRecord) -> None:
        """A span that nobody announced, and that has ended."""
        self._accounts.span_started()
        self._append(record, "span_found")

    def span_forked(self) -> None:
        """Count an end that belongs to the parent process."""
        self._accounts.forked()

    def event(self, record: EventRecord) -> None:
        """Count and append an event."""
        self._accounts.event_started()
        self._append(record, "event")

    def _append(self, record: SpanRecord | EventRecord, place: str) -> None:
        try:
            self._journal.append(record)
        except Exception:  # the agent comes first: its call goes on, and the loss is counted
            self._account_for(record)
            self._accounts.absorbed(place)
        except BaseException:  # a signal's handler raised: that is the agent's
            self._account_for(record)
            raise
        if self._journal.idle:
            self._drain.wake()

    def _account_for(self, record: SpanRecord | EventRecord) -> None:
        if not self._accounts.knows(record):
            self._accounts.refused(record, "error")

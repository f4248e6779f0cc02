"""The background thread that moves records from the journal into the store, and has the store project them.

    take a batch → write → acknowledge → project

It is a daemon thread, begun by the first record and never by ``configure``; the store is opened on it, lazily, so that
neither a dead database nor a slow import is ever waited for by the agent. What fails for now is tried again, with a
growing, jittered pause; what the store refuses for good, record by record, is set aside and counted.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from opentelemetry import context as otel_context
from opentelemetry.context import Context

from atlas_otel.delivery.accounts import count_spans_and_events
from atlas_otel.delivery.projecting import PROJECT_LIMIT, Projecting
from atlas_otel.delivery.retries import Retries
from atlas_otel.delivery.store_writer import StoreWriter
from atlas_otel.errors import StoreError
from atlas_otel.process import fork
from atlas_otel.process.quiet_log import QuietLog
from atlas_otel.process.waking import Bell
from atlas_otel.process.yielding import enable_yielding
from atlas_otel.records.reaping import reaped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from atlas_otel.delivery.accounts import Accounts
    from atlas_otel.delivery.journal import Journal, JournalBatch
    from atlas_otel.delivery.journal_recorder import RunningSpans
    from atlas_otel.records.store import Store, WriteResult
    from atlas_otel.settings import Projection

DEFAULT_SHUTDOWN_S: Final = 2.0

_LINGER_S: Final = 0.1
"""How long records may gather after the thread woke, so that they go in one transaction."""
_CATCH_UP_S: Final = 0.05
"""The pause between batches while there is little to do."""
_BATCH_RECORDS: Final = 512
"""Small enough that making rows of them holds the interpreter for a few milliseconds only."""
_BATCH_BYTES: Final = 8 * 1024 * 1024
_BROKEN_S: Final = 5.0
"""The pause after a failure that nobody foresaw."""
_IDLE_S: Final = 5.0
"""How often an idle thread looks for what dead processes left."""
_RETRY_FLUSHING_S: Final = 1.0
"""The longest pause while somebody waits in a flush."""
_SUPPRESSION_KEYS: Final = ("suppress_instrumentation",)

_left_to_parent: list[object] = []  # a child must not even collect the parent's connections: that would close them


class Pace(NamedTuple):
    """How much is written at once, and how long the thread lets records gather where little came. Bytes, seconds."""

    records: int = _BATCH_RECORDS
    bytes: int = _BATCH_BYTES
    gather_s: float = _CATCH_UP_S


class Drain:
    """Moves records into the store. ``wake`` is for the agent's threads; the rest of the public methods may wait."""

    def __init__(
        self,
        journal: Journal,
        accounts: Accounts,
        store_factory: Callable[[], Store],
        running: RunningSpans,
        *,
        projection: Projection = "any",
        project_every_s: float | None = None,
        settle_s: Sequence[float] = (),
        pace: Pace = Pace(),  # noqa: B008  (it cannot be changed)
    ) -> None:
        """``projection``: which sessions it projects when it stored records: ``own`` (those of the records, in bounded
        memory), ``any`` (others' too) or ``none``. ``project_every_s``: how often it does, also where it stored none.

        ``settle_s``: after how many seconds without a record the store takes sessions to be over. ``pace``: how much
        is written at once.
        """
        self._projection = projection
        self._project_every_s = project_every_s
        self._pace = pace
        self._settle_s = [after + _LINGER_S for after in settle_s]
        self._journal = journal
        self._accounts = accounts
        self._store_factory = store_factory
        self._running = running
        self._log = QuietLog("atlas_otel.drain")
        self._flush_log = QuietLog("atlas_otel.drain")
        self._reset()
        fork.in_child(self._after_fork)

    def _reset(self) -> None:
        self._start_lock = fork.lock()
        self._wake = Bell()
        self._urgent = Bell()
        self._progress = threading.Condition()
        self._thread: threading.Thread | None = None
        self._writer = StoreWriter(self._store_factory, self._accounts, self._journal.set_aside)
        self._projecting = Projecting(
            self._writer,
            self._projection,
            self._project_every_s,
            self._settle_s,
            stopping=lambda: self._closing,
            waiting=lambda: self._stored_upto < self._journal.accepted,
        )
        self._held: JournalBatch | None = None
        self._stored_upto = 0
        self._projected_upto = 0
        self._retries = Retries()
        self._flushing = 0
        self._poisoned = 0
        self._finishing = False
        self._closing = False

    # --- on the agent's threads ----------------------------------------------------------------------------------

    def wake(self) -> None:
        """There is work: begin the thread, or wake it. Never raises."""
        self._journal.idle = False
        self._wake.ring()
        thread = self._thread
        if thread is None or not thread.is_alive():
            self._start()

    def _start(self) -> None:
        with self._start_lock:
            if self._closing or self._finishing or (self._thread is not None and self._thread.is_alive()):
                return
            thread = threading.Thread(target=self._run, name="atlas-otel-drain", daemon=True)
            self._thread = thread  # first: an interrupted start cannot leave a second thread
            try:
                thread.start()
            except RuntimeError:  # no thread may start any more (interpreter shutdown, or the system's limit)
                self._accounts.absorbed("drain_start")
                self._journal.idle = True
                self._thread = None
                return
            fork.before_exit_of_child(self.shutdown)

    # --- waiting ---------------------------------------------------------------------------------------------------

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything appended before this call is stored and projected; whether it is.

        False too where one of those records had to be set aside. Where it is false, one line of the log says why.
        """
        done, why = self._flushed(timeout_s)
        if why is not None and not self._closing:
            self._flush_log.warning("flush: not everything is %s: %s", "projected" if done else "stored", why)
        return done and why is None

    def _flushed(self, timeout_s: float) -> tuple[bool, str | None]:
        """Whether everything is stored and projected within this time, and why something has no rows."""
        if threading.current_thread() is self._thread:
            return False, None
        with self._progress:
            self._flushing += 1
        try:
            done = self._flush(time.monotonic() + timeout_s)
        finally:
            with self._progress:
                self._flushing -= 1
        return done, self._retries.reason if not done else self._projecting.own.without_rows()

    def _flush(self, deadline: float) -> bool:
        target = self._journal.accepted
        poisoned = self._poisoned + self._accounts.given_up
        if self._projected_upto < target:
            self._urgent.ring()  # once: a store that fails is tried as often as its pauses say
        while True:
            with self._progress:
                if self._projected_upto >= target:
                    return self._poisoned + self._accounts.given_up == poisoned
                remaining = deadline - time.monotonic()
                if remaining <= 0 or self._closing:
                    return False
                self.wake()
                # Woken at each step forward; looked again now and then, since a failing store makes none.
                self._progress.wait(min(remaining, 0.5))

    def stored(self, timeout_s: float) -> bool:
        """Wait until everything appended before this call is stored, projected or not; whether it is."""
        deadline = time.monotonic() + timeout_s
        target = self._journal.accepted
        with self._progress:
            while self._stored_upto < target:
                remaining = deadline - time.monotonic()
                if remaining <= 0 or self._closing:
                    return False
                self.wake()
                self._progress.wait(min(remaining, 0.5))
        return True

    @property
    def failures(self) -> int:
        """How often in a row the store has not taken what it was given; 0 where it works."""
        return self._retries.count

    @property
    def failure(self) -> str | None:
        """Why the store did not take what it was given last; None where it did."""
        return self._retries.reason

    def shutdown(self, timeout_s: float = DEFAULT_SHUTDOWN_S) -> bool:
        """Store what there is, for so long at most, and end; whether all of it was stored.

        What is left is dropped and counted (memory), or stays for the next process (spool). Idempotent.
        """
        deadline = time.monotonic() + timeout_s
        done, why = self._flushed(timeout_s)  # without a line of its own: the report at the exit follows
        complete = done and why is None
        thread = self._thread
        if thread is not None and (thread is threading.current_thread() or not thread.is_alive()):
            thread = None
        if complete and thread is not None:
            # What forked children left a moment ago is stored too, in the time that remains.
            self._journal.adopt_now()
            self._finishing = True
            self._wake.ring()
            self._urgent.ring()
            thread.join(max(0.0, deadline - time.monotonic()))
        with self._start_lock:
            self._closing = True
        self._wake.ring()
        self._urgent.ring()
        if thread is not None:
            thread.join(max(0.05, deadline - time.monotonic()))
        held = self._held
        if held is not None and not held.adopted and not self._journal.durable:
            self._account(held, None)
        self._journal.close(unfinished=self._running.any_open)
        return complete

    # --- the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        if threading.current_thread() is not self._thread:
            return  # another was begun, since the start of this one was interrupted
        context = Context()  # not the agent's: its session is not ours
        for key in _SUPPRESSION_KEYS:
            context = otel_context.set_value(key, True, context)
        otel_context.attach(context)
        enable_yielding()
        self._urgent.wait(_LINGER_S)
        while not self._closing:
            try:
                finishing = self._finishing
                if self._cycle() and finishing:
                    break
            except Exception as error:  # the thread must live: whatever it was may be over at the next cycle
                self._accounts.absorbed("drain")
                self._log.warning("writer failed (%s); retrying", type(error).__name__)
                self._pause(_BROKEN_S)
        if self._finishing and not self._journal.durable:
            self._mark_unfinished()
        self._writer.close()

    def _mark_unfinished(self) -> None:
        """Nobody after this process knows what it leaves open where that is only in memory: it says so itself.

        Not a part of the accounts: the spans stay open there.
        """
        for _ in range(2):  # spans that began a moment ago are taken in at the second look
            list(self._running.look())
        marks = [reaped(span, time.time_ns()) for span in self._running.look_again()]
        with contextlib.suppress(StoreError):  # then `db reap` does it, one day
            if marks:
                self._writer.write(marks)
                while self._writer.project(PROJECT_LIMIT) >= PROJECT_LIMIT:
                    pass

    def _cycle(self) -> bool:
        """One turn; whether there was nothing left to do."""
        urgent = self._finishing or self._flushing > 0 or self._urgent.ringing
        self._urgent.clear()
        self._show_running_spans()
        self._journal.prepare()
        batch = self._held
        if batch is None:
            batch = self._held = self._journal.take(self._pace.records, self._pace.bytes)
        try:
            if batch is None:
                self._project(urgent)
                if not self._projecting.behind:
                    self._worked()
                if not self._finishing:
                    self._rest()
                return True
            self._write(batch)
            self._project(False)
        except StoreError as error:
            self._failed(error)
        else:
            self._worked()
            if not (self._finishing or batch.adopted) and len(batch.records) < self._pace.records // 2:
                self._urgent.wait(self._pace.gather_s)
        return False

    def _show_running_spans(self) -> None:
        journal = self._journal
        for snapshot in self._running.look():
            journal.append(snapshot)
        if journal.checkpoint_due:
            for snapshot in self._running.look_again():
                journal.append(snapshot)

    def _write(self, batch: JournalBatch) -> None:
        result = self._writer.write(batch.records)
        self._held = None
        self._account(batch, result)
        self._journal.ack(batch)
        self._projecting.stored(batch.records)
        with self._progress:
            self._stored_upto = max(self._stored_upto, batch.upto)
            self._progress.notify_all()

    def _account(self, batch: JournalBatch, result: WriteResult | None) -> None:
        """Tell the accounts what became of a batch, once: stored but for some, or given up (None)."""
        with self._progress:
            if batch.accounted:
                return
            batch.accounted = True
        spans, events = count_spans_and_events(batch.records)
        if result is None:
            self._accounts.lost(spans, events, "shutdown")
            return
        if result.poisoned:
            self._poisoned += len(result.poisoned)
            record = result.poisoned[0].record
            name = f"{type(record).__name__} {record.trace_id}/{record.span_id}"
            # Not the reason, which quotes the row.
            self._log.warning("the store rejected %s; it was set aside with the reason", name)
        if batch.adopted:
            self._accounts.adopted(len(batch.records) - len(result.poisoned), len(result.poisoned))
            return
        bad_spans, bad_events = count_spans_and_events(p.record for p in result.poisoned)
        self._accounts.stored(spans - bad_spans, events - bad_events)
        self._accounts.lost(bad_spans, bad_events, "poisoned")

    def _project(self, now_please: bool) -> None:
        """Bring the contract rows up to date with what is stored, where that is due; then tell who waits for it."""
        self._projecting.work(now_please)
        if not (self._closing or self._projecting.behind):
            with self._progress:
                self._projected_upto = self._stored_upto
                self._progress.notify_all()

    def _rest(self) -> None:
        """Nothing to do: sleep until there is, or until something falls due."""
        if self._running.has_unshown:
            self._urgent.wait(_LINGER_S)
            return
        self._wake.clear()
        self._journal.idle = True
        if self._stored_upto < self._journal.accepted or self._running.has_unshown:  # appended since the take
            self._journal.idle = False
            self._urgent.wait(_LINGER_S)
            return
        until = min([_IDLE_S, *(moment - time.monotonic() for moment in self._projecting.due)])
        if self._wake.wait(max(0.01, until)):
            self._urgent.wait(_LINGER_S)

    # --- failure ---------------------------------------------------------------------------------------------------

    def _failed(self, error: StoreError) -> None:
        self._writer.close()
        most_s = self._retries.failed(error)
        self._accounts.waits(self._retries.reason)
        self._log.warning("cannot write to the database, will retry: %s", error)
        self._pause(min(most_s, _RETRY_FLUSHING_S) if self._flushing else most_s)

    def _worked(self) -> None:
        if self._retries.worked():
            self._accounts.waits(None)

    def _pause(self, most_s: float) -> None:
        """Wait before the next try, for less by a random share, so that processes do not come in step."""
        deadline = time.monotonic() + most_s * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
        while not self._closing:
            remaining = deadline - time.monotonic()
            if remaining <= 0 or self._urgent.wait(min(remaining, _LINGER_S * 2)):
                return
            self._show_running_spans()
            self._journal.prepare()

    # --- fork ------------------------------------------------------------------------------------------------------

    def _after_fork(self) -> None:
        """In a forked child: a fresh journal, accounts and thread; nothing of the parent's is touched."""
        _left_to_parent.append(self._writer)
        closing = self._closing
        self._accounts.reset()
        self._journal.after_fork()
        self._running.reset()
        self._reset()
        self._closing = closing

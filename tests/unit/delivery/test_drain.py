"""The drain's own logic: order, retries, poison, flush and shutdown. The store here is a script of faults; the real one
is in tests/integration/test_drain_postgres.py."""

from __future__ import annotations

import gc
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from opentelemetry import context as otel_context

from atlas_otel.delivery.accounts import Accounts
from atlas_otel.delivery.drain import Drain
from atlas_otel.delivery.journal import Journal, MemoryJournal
from atlas_otel.delivery.journal_recorder import JournalRecorder, RunningSpans
from atlas_otel.delivery.spool import SpoolJournal
from atlas_otel.errors import ConfigError, PermanentStoreError, RetryableStoreError, SchemaError, UnavailableStoreError
from atlas_otel.records.record import RANK_ENDED, RANK_OPEN, EventRecord, Record, RecordSet, SpanRecord
from atlas_otel.records.store import PoisonedRecord, Projected, Wanted, WriteResult
from tests.support.records import make_span

Fault = Exception | Callable[[Sequence[Record]], WriteResult | None] | None


class _Store:
    """Keeps records, and meets the next fault of its script at each write."""

    def __init__(self, faults: Sequence[Fault] = ()) -> None:
        self.faults = list(faults)
        self.kept = RecordSet()
        self.written: list[list[Record]] = []
        self.projected: list[int] = []
        self.opened = 0
        self.checked = 0
        self.open_faults: list[Exception] = []
        self.closed = 0
        self.broken: Exception | None = None
        self.project_faults: list[Exception] = []
        self.wanted: list[list[str]] = []
        self.answers: list[Projected] = []
        self.backlog = 0  # sessions of others
        self.suppressed: list[object] = []

    def open(self) -> None:
        self.opened += 1
        if self.open_faults:
            raise self.open_faults.pop(0)

    def check(self) -> None:
        self.checked += 1
        if self.broken:
            raise self.broken

    def write(self, records: Sequence[Record]) -> WriteResult:
        self.suppressed.append(otel_context.get_value("suppress_instrumentation"))
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, Exception):
            raise fault
        if fault is not None:
            result = fault(records)
            if result is not None:
                return result
        self.written.append(list(records))
        for record in records:
            self.kept.add(record)
        return WriteResult(len(records))

    def project(self, *, limit: int = 100) -> int:
        if self.project_faults:
            raise self.project_faults.pop(0)
        self.projected.append(len(self.kept))
        done = min(limit, self.backlog)
        self.backlog -= done
        if done:
            time.sleep(0.02)
        return done

    def project_wanted(self, wanted: Wanted, *, limit: int = 100) -> Projected:
        if self.project_faults:
            raise self.project_faults.pop(0)
        self.wanted.append(list(wanted.keys))
        self.projected.append(len(self.kept))
        return self.answers.pop(0) if self.answers else Projected(len(wanted.keys))

    def close(self) -> None:
        self.closed += 1


class _Open:
    """A span that runs."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.ended = False

    def snapshot(self) -> SpanRecord | None:
        return None if self.ended else _span(self.number, RANK_OPEN)


class _Pipeline:
    def __init__(self, journal: Journal, accounts: Accounts, store: _Store) -> None:
        self.store = store
        self.accounts = accounts
        self.journal = journal
        running = RunningSpans()
        self.drain = Drain(journal, accounts, lambda: store, running)
        self.recorder = JournalRecorder(journal, accounts, self.drain, running)

    def span(self, number: int, text: str = "") -> None:
        span = _Open(number)
        self.recorder.span_started(span, durable=False)
        span.ended = True
        self.recorder.span_ended(_span(number, text=text))


def _span(number: int, rank: int = RANK_ENDED, text: str = "") -> SpanRecord:
    end = 2 if rank == RANK_ENDED else None
    return make_span(
        span_id=f"{number:016x}", session_key="5" * 32, end_ns=end, attributes={"t": text}, rank=rank, version=rank
    )


def _event(number: int) -> EventRecord:
    return EventRecord("1" * 32, f"{number:016x}", number, "5" * 32, "e", "{}")


def _wait(condition: Callable[[], object], timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "nothing came of it in time"
        time.sleep(0.01)


@pytest.fixture(params=["memory", "spool"])
def pipeline(request, tmp_path) -> Iterator[Callable[..., _Pipeline]]:
    made: list[_Pipeline] = []

    def make(*faults: Fault, **bounds) -> _Pipeline:
        accounts = Accounts()
        journal: Journal
        if request.param == "memory":
            journal = MemoryJournal(accounts, **bounds)
        else:
            journal = SpoolJournal(accounts, target="t", root=tmp_path / "spool", segment_bytes=64 * 1024)
        made.append(_Pipeline(journal, accounts, _Store(faults)))
        return made[-1]

    yield make
    for one in made:
        one.drain.shutdown(5.0)
        assert one.accounts.snapshot().balances


def test_no_thread_before_the_first_record_and_the_store_is_opened_on_it(pipeline):
    p = pipeline()
    before = threading.active_count()
    assert p.drain.flush(1.0), "there is nothing to wait for"
    assert threading.active_count() == before
    assert p.store.opened == 0
    p.span(1)
    assert p.drain.flush(5.0)
    assert p.store.opened == 1
    (thread,) = [t for t in threading.enumerate() if t.name == "atlas-otel-drain"]
    assert thread.daemon


def test_everything_comes_in_order_once(pipeline):
    p = pipeline()
    for number in range(3000):
        p.span(number)
        p.recorder.event(_event(number))
    assert p.drain.flush(20.0)
    flat = [r for batch in p.store.written for r in batch if isinstance(r, SpanRecord) and r.rank == RANK_ENDED]
    assert [int(r.span_id, 16) for r in flat] == list(range(3000))
    now = p.accounts.snapshot()
    assert (now.spans.stored, now.events.stored) == (3000, 3000)
    assert now.balances


def test_a_record_is_stored_and_projected_within_a_second_unasked(pipeline):
    p = pipeline()
    p.recorder.span_started(_Open(1), durable=True)
    _wait(lambda: p.store.kept.spans, 1.0)
    _wait(lambda: p.store.projected, 1.0)
    time.sleep(0.3)  # the thread sleeps now
    p.recorder.event(_event(1))
    _wait(lambda: p.store.kept.events, 1.0)


def test_a_long_span_is_shown_while_it_runs_and_a_short_one_is_not(pipeline):
    p = pipeline()
    long, short = _Open(1), _Open(2)
    p.recorder.span_started(long, durable=False)
    p.recorder.span_started(short, durable=False)
    short.ended = True
    p.recorder.span_ended(_span(2))
    _wait(lambda: ("1" * 32, f"{1:016x}") in p.store.kept.spans)
    assert p.drain.flush(5.0)
    ranks = [r.rank for batch in p.store.written for r in batch if r.span_id == f"{2:016x}"]
    assert ranks == [RANK_ENDED]
    assert p.accounts.snapshot().spans.open == 1


def test_a_span_that_nobody_holds_any_more_is_not_held_by_the_recorder(pipeline):
    p = pipeline()
    p.recorder.span_started(_Open(1), durable=False)
    gc.collect()
    time.sleep(0.5)
    assert not p.store.kept.spans
    assert p.accounts.snapshot().spans.open == 1


def test_a_retryable_failure_is_tried_again_with_the_same_records(pipeline):
    p = pipeline(RetryableStoreError("away"), RetryableStoreError("away"))
    for number in range(10):
        p.span(number)
    assert p.drain.flush(10.0)
    assert len(p.store.kept.spans) == 10
    assert p.store.opened >= 3, "a failed store is opened anew"
    assert p.accounts.snapshot().spans.stored == 10


def test_a_permanent_failure_keeps_the_records_and_recovers_by_itself(pipeline):
    p = pipeline(SchemaError("no such schema"), PermanentStoreError("may not"))
    p.span(1)
    assert p.drain.flush(10.0)
    assert p.accounts.snapshot().spans.stored == 1


def test_a_store_that_cannot_be_opened_costs_nothing_but_time(pipeline):
    p = pipeline()
    p.store.open_faults = [
        UnavailableStoreError("refused", retryable=True),
        UnavailableStoreError("authentication"),
        ImportError("driver"),
        ConfigError("no folder"),
    ]
    for number in range(600):  # more than one batch
        p.span(number)
    assert p.drain.flush(20.0)
    assert p.accounts.snapshot().spans.stored == 600
    assert p.store.opened == 5
    assert p.accounts.snapshot().waiting is None


def test_a_store_that_stays_shut_keeps_every_record_and_says_why(pipeline, caplog):
    """The reason stands in the log, in the accounts and in what flush leaves behind; no record is taken for its cause,
    and a flush does not try faster than the pauses allow."""
    p = pipeline()
    p.store.open_faults = [UnavailableStoreError("pip install 'atlas-otel[embedded]'")] * 1000
    with caplog.at_level(logging.WARNING, "atlas_otel.drain"):
        for number in range(100):
            p.span(number)
        assert not p.drain.flush(3.0)
    now = p.accounts.snapshot()
    assert now.balances
    assert (now.spans.spooled, now.spans.lost) == (100, 0)
    assert now.waiting == p.drain.failure == "pip install 'atlas-otel[embedded]'"
    assert caplog.text.count("pip install 'atlas-otel[embedded]'") == 2, "once by the drain, once by flush"
    assert p.store.opened <= 10
    p.store.open_faults.clear()
    assert p.drain.flush(10.0)
    assert p.accounts.snapshot().spans.stored == 100


def test_a_failing_projection_is_tried_again_and_flush_waits_for_it(pipeline):
    p = pipeline()
    p.store.project_faults = [RetryableStoreError("away"), RetryableStoreError("away")]
    p.span(1)
    assert p.drain.flush(10.0)
    assert p.store.projected
    assert not p.store.project_faults


def test_records_do_not_wait_for_the_sessions_that_others_left(pipeline):
    p = pipeline()
    p.store.backlog = 100_000
    p.span(1)
    _wait(lambda: p.store.projected)
    for number in range(2, 5):
        p.span(number)
        _wait(lambda number=number: len(p.store.kept) == number, 5.0)
    assert p.store.backlog > 0
    assert not p.drain.flush(0.1)
    p.store.backlog = 120
    assert p.drain.flush(10.0)
    assert p.store.backlog == 0


def test_a_record_that_the_store_refuses_is_set_aside_and_named(pipeline, caplog):
    def refuse(records: Sequence[Record]) -> WriteResult:
        bad = [r for r in records if r.span_id == f"{3:016x}"]
        return WriteResult(len(records) - len(bad), [PoisonedRecord(r, "NUL in text") for r in bad])

    p = pipeline(*[refuse] * 20)
    with caplog.at_level(logging.WARNING, "atlas_otel.drain"):
        for number in range(6):
            p.span(number)
        assert not p.drain.flush(5.0), "not everything was stored"
    now = p.accounts.snapshot()
    assert now.balances
    assert now.spans.stored == 5
    assert now.spans.dropped == {"poisoned": 1}
    assert f"{3:016x}" in caplog.text
    assert "NUL in text" not in caplog.text, "what a database says of a row may quote it"


def test_a_record_that_breaks_the_store_is_found_among_the_others(pipeline):
    def breaks(records: Sequence[Record]) -> WriteResult | None:
        if any(r.span_id == f"{3:016x}" for r in records):
            raise KeyError("a defect")
        return None

    p = pipeline(*[breaks] * 50)
    for number in range(6):
        p.span(number)
    p.drain.flush(5.0)
    now = p.accounts.snapshot()
    assert now.balances
    assert now.spans.stored == 5
    assert now.spans.dropped == {"poisoned": 1}
    if isinstance(p.journal, SpoolJournal):
        (line,) = (p.journal.folder / "refused.jsonl").read_text().splitlines()
        assert f"{3:016x}" in line
        assert "KeyError" in line


def test_a_store_that_breaks_on_everything_keeps_the_records(pipeline):
    p = pipeline(*[ValueError("a defect")] * 1000)
    p.store.broken = ValueError("a defect")
    p.recorder.event(_event(0))
    p.span(1)
    p.span(2)
    assert not p.drain.flush(3.0)
    now = p.accounts.snapshot()
    assert (now.spans.spooled, now.events.spooled, now.dropped) == (2, 1, {})
    assert "ValueError" in str(now.waiting)
    p.store.faults, p.store.broken = [], None
    assert p.drain.flush(10.0)
    assert p.accounts.snapshot().spans.stored == 2


def test_a_record_alone_in_its_batch_is_at_fault_only_where_another_goes_in(pipeline):
    p = pipeline(*[KeyError("a defect")] * 2)
    p.span(1)
    assert not p.drain.flush(10.0)
    assert p.store.checked == 2
    assert p.accounts.snapshot().spans.dropped == {"poisoned": 1}


def test_one_line_a_minute_at_most(pipeline, caplog):
    p = pipeline(*[RetryableStoreError("away")] * 5)
    with caplog.at_level(logging.INFO):
        for number in range(100):
            p.span(number)
        assert p.drain.flush(10.0)
    assert len(caplog.records) == 1
    assert caplog.records[0].name == "atlas_otel.drain"


def test_our_writer_is_not_instrumented(pipeline):
    p = pipeline()
    p.span(1)
    assert p.drain.flush(5.0)
    assert set(p.store.suppressed) == {True}
    assert otel_context.get_value("suppress_instrumentation") is None


def test_flush_says_no_where_the_store_stays_away_and_takes_no_longer_than_asked(pipeline):
    p = pipeline(*[RetryableStoreError("away")] * 1000)
    p.span(1)
    began = time.monotonic()
    assert not p.drain.flush(0.5)
    assert time.monotonic() - began < 2.0
    p.store.faults.clear()
    assert p.drain.flush(10.0)


def test_shutdown_with_a_dead_store_is_bounded_and_accounts_for_what_is_left(pipeline):
    p = pipeline(*[RetryableStoreError("away")] * 1000)
    for number in range(10):
        p.span(number)
    began = time.monotonic()
    assert not p.drain.shutdown(0.5)
    assert time.monotonic() - began < 2.0
    p.span(11)
    now = p.accounts.snapshot()
    assert now.balances
    if p.journal.durable:
        assert now.spans.spooled == 10
        assert now.spans.dropped == {"shutdown": 1}
    else:
        assert now.spans.spooled == 0
        assert now.spans.dropped == {"shutdown": 11}


def test_shutdown_with_a_store_that_hangs_is_bounded_and_counts_nothing_twice(pipeline):
    released = threading.Event()

    def hang(records: Sequence[Record]) -> WriteResult | None:
        released.wait(20)
        return None

    p = pipeline(hang)
    p.span(1)
    _wait(lambda: not p.store.faults)
    p.span(2)
    began = time.monotonic()
    assert not p.drain.shutdown(0.3)
    assert time.monotonic() - began < 2.0
    before = p.accounts.snapshot()
    assert before.balances
    released.set()
    p.drain._thread.join(5)
    after = p.accounts.snapshot()
    assert after.balances
    if not p.journal.durable:
        assert after == before


def test_shutdown_stores_what_there_is_ends_the_thread_and_may_be_called_again(pipeline):
    p = pipeline()
    for number in range(100):
        p.span(number)
    assert p.drain.shutdown(10.0)
    assert p.accounts.snapshot().spans.stored == 100
    assert not p.drain._thread.is_alive()
    assert p.store.closed == p.store.opened
    assert p.drain.shutdown(1.0)


def test_memory_is_bounded_while_the_store_is_away():
    accounts = Accounts()
    p = _Pipeline(MemoryJournal(accounts, max_records=50), accounts, _Store([RetryableStoreError("away")] * 1000))
    for number in range(500):
        p.span(number)
    now = accounts.snapshot()
    assert now.balances
    assert now.spans.dropped == {"queue_full": 450}
    p.store.faults.clear()
    assert p.drain.shutdown(10.0)
    assert accounts.snapshot().spans.stored == 50


def test_nothing_that_goes_wrong_reaches_the_agent(pipeline):
    class Broken:
        idle = False
        durable = False
        accepted = 0

        def append(self, record: Record) -> bool:
            raise MemoryError

    class Bad:
        def snapshot(self) -> SpanRecord | None:
            raise ValueError("a defect")

    accounts = Accounts()
    p = pipeline()
    recorder = JournalRecorder(Broken(), accounts, p.drain, RunningSpans())  # type: ignore[arg-type]
    recorder.span_started(Bad(), durable=True)
    recorder.span_ended(_span(1))
    recorder.event(_event(1))
    now = accounts.snapshot()
    assert now.balances
    assert now.dropped == {"error": 2}
    assert now.absorbed == {"span_started": 1, "span_ended": 1, "event": 1}


def test_a_thread_that_cannot_start_is_counted_and_tried_again(pipeline, monkeypatch):
    p = pipeline()
    with monkeypatch.context() as patched:

        def refuse(self: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        patched.setattr(threading.Thread, "start", refuse)
        p.span(1)
    assert p.accounts.snapshot().absorbed["drain_start"] >= 1
    p.span(2)
    assert p.drain.flush(5.0)
    assert p.accounts.snapshot().spans.stored == 2


def test_an_end_in_another_process_is_counted_and_not_stored(pipeline):
    p = pipeline()
    p.recorder.span_forked()
    assert p.drain.flush(1.0)
    now = p.accounts.snapshot()
    assert now.forked == 1
    assert now.spans.started == 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # fork with threads, 3.12+
def test_a_forked_child_has_accounts_journal_and_thread_of_its_own(pipeline):
    p = pipeline(*[RetryableStoreError("away")] * 1000)
    for number in range(20):
        p.span(number)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            p.store.faults.clear()
            assert p.accounts.snapshot().spans.started == 0
            p.span(100)
            assert p.drain.flush(5.0)
            assert [r.span_id for r in p.store.kept.spans.values()] == [f"{100:016x}"]
            assert p.drain.shutdown(5.0)
            assert p.accounts.snapshot().balances
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    p.store.faults.clear()
    assert p.drain.flush(10.0)
    assert len(p.store.kept.spans) == 20
    assert p.accounts.snapshot().spans.stored == 20


def test_open_spans_are_shown_again_in_each_new_segment(tmp_path: Path):
    """Segments go once they are stored: who adopts what is left of a dead process must find its open spans in it."""
    accounts = Accounts()
    journal = SpoolJournal(accounts, target="t", root=tmp_path, segment_bytes=64 * 1024)
    p = _Pipeline(journal, accounts, _Store())
    session = _Open(1)
    p.recorder.span_started(session, durable=True)
    for round_ in range(10):
        for number in range(50):
            p.span(100 + 50 * round_ + number, "x" * 1000)
        assert p.drain.flush(10.0)
    assert journal._number > 5
    p.drain.shutdown(5.0)
    journal._owner.close()  # the process dies
    heir = _Pipeline(SpoolJournal(Accounts(), target="t", root=tmp_path, adopt_every_s=0.0), accounts, _Store())
    heir.drain.wake()
    _wait(lambda: any(r.rank == 3 for r in heir.store.kept.spans.values()))
    (mark,) = [r for r in heir.store.kept.spans.values() if r.rank == 3]
    assert mark.span_id == f"{1:016x}"
    heir.drain.shutdown(5.0)

"""The journal in memory: in order, bounded, and never unaccounted."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from atlas_otel.delivery.accounts import Accounts
from atlas_otel.delivery.journal import MemoryJournal, weight
from atlas_otel.records.record import EventRecord, SpanEvent, SpanRecord
from tests.support.records import make_span


def _span(number: int, text: str = "") -> SpanRecord:
    return make_span(span_id=f"{number:016x}", attributes={"t": text})


def _append(journal: MemoryJournal, accounts: Accounts, record: SpanRecord) -> bool:
    accounts.span_started()
    return journal.append(record)


def _take_all(journal: MemoryJournal, max_records: int = 10) -> list[str]:
    taken = []
    while (batch := journal.take(max_records, 10**9)) is not None:
        taken += [record.span_id for record in batch.records]
        assert batch.upto == len(taken)
        journal.ack(batch)
    return taken


def test_what_goes_in_comes_out_in_order():
    accounts = Accounts()
    journal = MemoryJournal(accounts)
    for number in range(25):
        assert _append(journal, accounts, _span(number))
    assert _take_all(journal) == [f"{number:016x}" for number in range(25)]
    assert journal.accepted == 25


def test_full_by_records_refuses_the_newest_until_the_store_has_taken_some():
    accounts = Accounts()
    journal = MemoryJournal(accounts, max_records=3)
    assert [_append(journal, accounts, _span(n)) for n in range(5)] == [True, True, True, False, False]
    batch = journal.take(2, 10**9)
    assert batch is not None
    assert not _append(journal, accounts, _span(5)), "taken is not stored: it still takes room"
    journal.ack(batch)
    accounts.stored(2, 0)
    assert _append(journal, accounts, _span(6))
    now = accounts.snapshot()
    assert now.balances
    assert now.spans.dropped == {"queue_full": 3}
    assert now.spans.spooled == 2


def test_full_by_bytes():
    accounts = Accounts()
    journal = MemoryJournal(accounts, max_bytes=100_000)
    accepted = [_append(journal, accounts, _span(n, "x" * 20_000)) for n in range(6)]
    assert accepted == [True] * 4 + [False] * 2
    batch = journal.take(10, 50_000)
    assert batch is not None
    assert len(batch.records) == 2
    assert accounts.snapshot().balances


def test_a_record_larger_than_a_batch_is_taken_alone():
    accounts = Accounts()
    journal = MemoryJournal(accounts)
    _append(journal, accounts, _span(1, "x" * 10_000))
    _append(journal, accounts, _span(2))
    batch = journal.take(10, 100)
    assert batch is not None
    assert [record.span_id for record in batch.records] == [f"{1:016x}"]


def test_closing_counts_what_is_left_and_refuses_what_comes():
    accounts = Accounts()
    journal = MemoryJournal(accounts)
    for number in range(3):
        _append(journal, accounts, _span(number))
    journal.close()
    journal.close()
    assert not _append(journal, accounts, _span(3))
    now = accounts.snapshot()
    assert now.balances
    assert now.spans.dropped == {"shutdown": 4}
    assert journal.take(10, 10**9) is None


def test_a_forked_child_begins_empty():
    accounts = Accounts()
    journal = MemoryJournal(accounts)
    _append(journal, accounts, _span(1))
    journal.after_fork()
    assert journal.take(10, 10**9) is None
    assert journal.accepted == 0


def test_threads_append_while_another_takes():
    accounts = Accounts()
    journal = MemoryJournal(accounts)
    taken: list[str] = []
    done = threading.Event()

    def drain() -> None:
        while True:
            over = done.is_set()
            taken.extend(_take_all_now(journal))
            if over:
                return

    def work(first: int) -> None:
        for number in range(first, first + 1000):
            _append(journal, accounts, _span(number))

    drainer = threading.Thread(target=drain)
    writers = [threading.Thread(target=work, args=(n * 1000,)) for n in range(4)]
    for thread in (drainer, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    drainer.join()
    assert sorted(taken) == [f"{number:016x}" for number in range(4000)]
    for n in range(4):
        mine = [i for i in taken if n * 1000 <= int(i, 16) < (n + 1) * 1000]
        assert mine == sorted(mine)


def _take_all_now(journal: MemoryJournal) -> list[str]:
    taken = []
    while (batch := journal.take(100, 10**9)) is not None:
        taken += [record.span_id for record in batch.records]
        journal.ack(batch)
    return taken


@given(st.text(max_size=2000), st.text(max_size=2000), st.lists(st.text(max_size=200), max_size=20))
def test_a_weight_is_at_least_the_text_in_it(text, message, items):
    span = _span(1, text)._replace(
        attributes={"t": text, "items": items}, events=(SpanEvent("exception", 1, {"exception.message": message}),)
    )
    assert weight(span) >= len(text) + len(message) + sum(map(len, items))
    assert weight(EventRecord("1" * 32, "2" * 16, 1, None, "e", text)) >= len(text)

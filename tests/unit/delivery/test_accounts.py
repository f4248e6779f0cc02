"""started = stored + open + spooled + dropped, in any order of what happens."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_otel.delivery.accounts import Accounts, Tally, count_spans_and_events
from atlas_otel.records.record import RANK_OPEN, RANK_REAPED, EventRecord
from tests.support.records import make_span

SPAN = make_span()
SNAPSHOT = SPAN._replace(rank=RANK_OPEN, end_ns=None)
EVENT = EventRecord("1" * 32, "2" * 16, 3, None, "e", "{}")


def test_a_span_goes_from_open_over_spooled_to_stored():
    accounts = Accounts()
    seen = []
    for step in (
        accounts.span_started,
        lambda: accounts.accepted(SNAPSHOT),
        lambda: accounts.accepted(SPAN),
        lambda: accounts.stored(1, 0),
    ):
        step()
        now = accounts.snapshot()
        assert now.balances
        seen.append((now.spans.open, now.spans.spooled, now.spans.stored))
    assert seen == [(1, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]


def test_drops_are_told_by_cause_and_by_sort():
    accounts = Accounts()
    accounts.span_started()
    accounts.event_started()
    accounts.event_started()
    accounts.refused(SPAN, "queue_full")
    accounts.refused(EVENT, "disk_full")
    accounts.accepted(EVENT)
    accounts.lost(0, 1, "poisoned")
    accounts.refused(SNAPSHOT, "queue_full")
    now = accounts.snapshot()
    assert now.balances
    assert now.spans.dropped == {"queue_full": 1}
    assert now.events.dropped == {"disk_full": 1, "poisoned": 1}
    assert now.dropped == {"queue_full": 1, "disk_full": 1, "poisoned": 1}
    assert now.snapshots_dropped == 1


def test_what_belongs_to_other_processes_stands_outside_the_balance():
    accounts = Accounts()
    accounts.forked()
    accounts.adopted(5, 1)
    accounts.absorbed("encoder")
    now = accounts.snapshot()
    assert (now.forked, now.adopted, now.adopted_dropped, now.absorbed) == (1, 5, 1, {"encoder": 1})
    assert now.spans == Tally()


def test_a_loss_that_nobody_counts_does_not_balance():
    assert not Tally(started=3, stored=1, open=1).balances
    assert Tally(started=3, stored=1, open=1, dropped={"shutdown": 1}).balances


def test_a_snapshot_does_not_change_afterwards():
    accounts = Accounts()
    before = accounts.snapshot()
    accounts.span_started()
    accounts.refused(SPAN, "error")
    assert before.spans == Tally()
    with pytest.raises(TypeError):
        before.spans.dropped["x"] = 1  # type: ignore[index]


def test_open_snapshots_are_no_spans_and_reaped_ones_are():
    assert count_spans_and_events([SPAN, SNAPSHOT, EVENT, SPAN._replace(rank=RANK_REAPED)]) == (2, 1)


@given(st.lists(st.sampled_from(["keep", "refuse", "lose", "leave"]), max_size=50), st.booleans())
def test_any_sequence_balances(fates, spans):
    accounts = Accounts()
    record = SPAN if spans else EVENT
    one = (1, 0) if spans else (0, 1)
    for fate in fates:
        (accounts.span_started if spans else accounts.event_started)()
        if fate == "refuse":
            accounts.refused(record, "spool_full")
        elif fate != "leave":
            accounts.accepted(record)
            if fate == "keep":
                accounts.stored(*one)
            else:
                accounts.lost(*one, "shutdown")
        assert accounts.snapshot().balances
    now = accounts.snapshot()
    tally = now.spans if spans else now.events
    assert (tally.started, tally.stored, tally.open, tally.lost) == (
        len(fates),
        fates.count("keep"),
        fates.count("leave"),
        fates.count("refuse") + fates.count("lose"),
    )


def test_threads_lose_no_count():
    accounts = Accounts()

    def work() -> None:
        for _ in range(2000):
            accounts.span_started()
            accounts.accepted(SPAN)
            accounts.stored(1, 0)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    now = accounts.snapshot()
    assert (now.spans.started, now.spans.stored) == (16_000, 16_000)
    assert now.balances

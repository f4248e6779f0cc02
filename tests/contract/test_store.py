from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson
import pytest

from atlas_otel.records.record import (
    RANK_ENDED,
    RANK_ENDED_OTLP,
    RANK_OPEN,
    RANK_REAPED,
    EventRecord,
    Record,
    RecordSet,
    SpanEvent,
    SpanLink,
    SpanRecord,
    encode_record,
)
from tests.support.records import make_span

if TYPE_CHECKING:
    from conftest import Expected, Subject

    from atlas_otel.models.rows import SessionRows

T = 1_700_000_000_000_000_000


def span(number: int = 1, *, session: str | None = "s1", rank: int = RANK_ENDED, **fields: object) -> SpanRecord:
    record = make_span(
        trace_id=f"{1:032x}",
        span_id=f"{number:016x}",
        parent_span_id=f"{number // 2:016x}" if number > 1 else None,
        session_key=session,
        name=f"span {number}",
        kind="step" if number % 3 == 0 else None,
        span_kind=1,
        start_ns=T + number * 1000,
        end_ns=T + number * 2000 if rank >= RANK_REAPED else None,
        status=1 if rank >= RANK_ENDED_OTLP else 0,
        status_message="fine" if rank == RANK_ENDED else None,
        attributes={"n": number, "x": [1.5, 1e22, -0.0], "text": "ä\u2028"},
        events=(SpanEvent("e", T, {"a": 1}),) if number % 2 else (),
        links=(SpanLink(f"{9:032x}", f"{9:016x}", {}),) if number % 5 == 0 else (),
        scope="tests",
        resource={"service.name": "tests", "process": number % 2},
        rank=rank,
        version=T + rank,
    )
    return record._replace(**fields)


def event(number: int = 1, *, session: str | None = "s1", on: int = 1) -> EventRecord:
    payload = orjson.dumps({"n": number}).decode()
    return EventRecord(f"{1:032x}", f"{on:016x}", T + number, session, "atlas.metadata", payload)


def of(records: RecordSet) -> set[bytes]:
    """A set of records by value: whether a sequence is a list or a tuple makes no difference."""
    return {encode_record(record) for record in records}


def settled(subject: Subject) -> None:
    while subject.store.project():
        pass


def parsed(rows: SessionRows | None) -> object:
    """Rows by value: `jsonb` hands an event back with other spaces and another order of keys."""
    if rows is None:
        return None
    return replace(rows, events=[(e.time_ns, e.key, orjson.loads(e.event)) for e in rows.events])  # type: ignore[misc]


def test_what_was_written_is_read_back(subject: Subject) -> None:
    written: list[Record] = [span(n) for n in range(1, 12)] + [event(n) for n in range(3)]

    result = subject.store.write(written)

    assert result.stored == len(written)
    assert result.poisoned == ()
    assert of(subject.store.records("s1")) == of(RecordSet(written))


def test_sessions_are_kept_apart(subject: Subject) -> None:
    subject.store.write([span(1, session="s1"), span(2, session="s2"), event(1, session="s2")])

    assert set(subject.store.records("s1").spans) == {span(1).key}
    assert set(subject.store.records("s2").spans) == {span(2).key}
    assert len(subject.store.records("s2").events) == 1


def test_an_unknown_session_has_nothing(subject: Subject) -> None:
    assert len(subject.store.records("nowhere")) == 0
    assert subject.store.rows("nowhere") is None


def test_an_empty_batch_is_fine(subject: Subject) -> None:
    assert subject.store.write([]) == (0, ())
    assert subject.store.project() == 0


@pytest.mark.parametrize("seed", range(6))
def test_order_duplicates_and_batches_make_no_difference(subject: Subject, expected: Expected, seed: int) -> None:
    records: list[Record] = [span(n) for n in range(1, 9)]
    records += [span(n, rank=RANK_OPEN) for n in range(1, 12)]
    records += [span(n, rank=RANK_REAPED) for n in range(6, 11)]
    records += [span(n, rank=RANK_ENDED_OTLP, attributes={"cut": True}) for n in range(3, 10)]
    records += [event(n, on=n % 3) for n in range(7)]
    chance = random.Random(seed)
    shuffled = records + chance.sample(records, 10)
    chance.shuffle(shuffled)

    while shuffled:
        cut = chance.randint(1, 9)
        batch, shuffled = shuffled[:cut], shuffled[cut:]
        subject.store.write(batch)
        if chance.random() < 0.5:
            subject.store.project()
    settled(subject)

    assert of(subject.store.records("s1")) == of(RecordSet(records))
    assert parsed(subject.store.rows("s1")) == parsed(expected(records))


@pytest.mark.parametrize("reverse", [False, True])
def test_equal_rank_and_version_are_decided_by_content(subject: Subject, reverse: bool) -> None:
    rivals: list[Record] = [span(attributes={"v": n}) for n in range(5)]

    for record in reversed(rivals) if reverse else rivals:
        subject.store.write([record])

    assert of(subject.store.records("s1")) == of(RecordSet(rivals))


@pytest.mark.parametrize("named_first", [False, True])
@pytest.mark.parametrize("better_is_named", [False, True])
def test_the_session_key_is_taken_from_whichever_record_has_it(
    subject: Subject, named_first: bool, better_is_named: bool
) -> None:
    named = span(rank=RANK_ENDED if better_is_named else RANK_OPEN)
    nameless = span(session=None, rank=RANK_OPEN if better_is_named else RANK_ENDED)
    for record in (named, nameless) if named_first else (nameless, named):
        subject.store.write([record])
        settled(subject)

    (held,) = subject.store.records("s1")
    assert encode_record(held) == encode_record(span(rank=RANK_ENDED))
    rows = subject.store.rows("s1")
    assert rows is not None
    assert rows.session.status == "succeeded"


def test_a_nameless_record_that_betters_a_span_makes_its_session_dirty(subject: Subject) -> None:
    subject.store.write([span(rank=RANK_OPEN), span(2)])
    settled(subject)

    subject.store.write([span(session=None)])

    assert subject.store.project() == 1


def test_a_span_that_moves_leaves_its_first_session(subject: Subject) -> None:
    subject.store.write([span(1), span(2, rank=RANK_OPEN)])
    settled(subject)

    subject.store.write([span(2, session="s2")])
    settled(subject)

    rows, moved = subject.store.rows("s1"), subject.store.rows("s2")
    assert rows is not None
    assert moved is not None
    assert rows.session.metadata["spans"] == 1
    assert moved.session.metadata["spans"] == 1


def test_events_take_a_session_key_that_comes_later(subject: Subject) -> None:
    subject.store.write([event(1, session=None)])
    subject.store.write([event(1, session="s1")])

    assert of(subject.store.records("s1")) == of(RecordSet([event(1)]))


def test_records_without_a_session_are_kept_for_the_one_they_get(subject: Subject) -> None:
    subject.store.write([span(1, session=None, rank=RANK_ENDED)])
    assert subject.store.project() == 0

    subject.store.write([span(1, session="s1", rank=RANK_OPEN)])

    assert of(subject.store.records("s1")) == of(RecordSet([span(1)]))


def test_projection_is_due_once_per_change(subject: Subject) -> None:
    subject.store.write([span(1), span(2, session="s2")])

    assert subject.store.project() == 2
    assert subject.store.project() == 0

    subject.store.write([event(1)])
    assert subject.store.project() == 1


def test_projection_stops_at_its_limit_and_goes_on_with_who_waited_longest(subject: Subject) -> None:
    for n in range(1, 6):
        subject.store.write([span(n, session=f"s{n}")])

    assert subject.store.project(limit=2) == 2
    assert [subject.store.rows(f"s{n}") is not None for n in range(1, 6)] == [True, True, False, False, False]
    assert subject.store.project(limit=100) == 3


def test_late_records_change_the_rows(subject: Subject, expected: Expected) -> None:
    records: list[Record] = [span(n) for n in (1, 3, 6, 9)]
    subject.store.write(records)
    settled(subject)

    late: list[Record] = [span(2), span(4), event(500), span(12)]
    subject.store.write(late)
    settled(subject)

    assert parsed(subject.store.rows("s1")) == parsed(expected(records + late))


def test_rows_that_a_projection_no_longer_has_go_away(subject: Subject) -> None:
    subject.store.write([span(3, rank=RANK_OPEN), span(6), span(9), event(1)])
    settled(subject)

    subject.store.write([span(3, kind="tool"), span(9, version=T + 99, kind=None, start_ns=T - 5)])
    settled(subject)

    rows = subject.store.rows("s1")
    assert rows is not None
    assert [step.output for step in rows.steps] == ["span 6"]
    assert len(rows.attempts) == len(rows.guidance) == 1
    assert [e.time_ns for e in rows.events] == [T - 5, T + 1, T + 3000, T + 6000]


def test_a_rebuild_says_the_same_and_keeps_reviews(subject: Subject) -> None:
    subject.store.write([span(n) for n in range(1, 8)] + [event(1)])
    settled(subject)
    subject.review("s1", "approved", "looks right")
    before = parsed(subject.store.rows("s1"))

    assert subject.mark_dirty() == 1
    settled(subject)

    rows = subject.store.rows("s1")
    assert parsed(rows) == before
    assert rows is not None
    assert (rows.session.review_status, rows.session.review_notes) == ("approved", "looks right")


def test_late_records_keep_reviews(subject: Subject) -> None:
    subject.store.write([span(1)])
    settled(subject)
    subject.review("s1", "quarantined", "odd")

    subject.store.write([span(3), event(2)])
    settled(subject)

    rows = subject.store.rows("s1")
    assert rows is not None
    assert (rows.session.review_status, rows.session.review_notes) == ("quarantined", "odd")
    assert len(rows.steps) == 1


def test_a_rebuild_of_one_session_leaves_the_others(subject: Subject) -> None:
    subject.store.write([span(1), span(2, session="s2")])
    settled(subject)

    assert subject.mark_dirty(["s2", "unknown"]) == 1
    assert subject.store.project() == 1


def test_a_record_that_is_no_json_is_set_aside_and_the_rest_goes_in(subject: Subject) -> None:
    bad = span(2, attributes={"n": 1 << 70})

    result = subject.store.write([span(1), bad, span(3), event(1)])

    assert result.stored == 3
    (poisoned,) = result.poisoned
    assert poisoned.record == bad
    assert poisoned.reason
    assert set(subject.store.records("s1").spans) == {span(1).key, span(3).key}


def test_closing_is_idempotent(subject: Subject) -> None:
    subject.store.write([span()])
    subject.store.close()
    subject.store.close()


def test_a_session_without_rows_yet_gets_them_later(subject: Subject) -> None:
    subject.store.write([event(1)])
    settled(subject)
    assert subject.store.rows("s1") is None

    subject.store.write([span(1)])
    settled(subject)
    assert subject.store.rows("s1") is not None

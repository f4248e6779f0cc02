"""Records that name no session, in every store: they find theirs through their trace, in any order."""

from __future__ import annotations

import random
from itertools import permutations
from typing import TYPE_CHECKING

import orjson
import pytest

from atlas_otel import semconv
from atlas_otel.projection.trace_sessions import implicit_session
from atlas_otel.records.record import RANK_ENDED, RANK_ENDED_OTLP, EventRecord, Record, SpanRecord
from tests.support.records import make_span

if TYPE_CHECKING:
    from conftest import Subject

T = 1_700_000_000_000_000_000
TRACE, OTHER = f"{1:032x}", f"{2:032x}"
OURS, INNER = "a" * 32, "b" * 32
IMPLICIT = implicit_session(TRACE)
AGENT = {semconv.GEN_AI_OPERATION_NAME: "invoke_agent"}


def span(
    number: int,
    parent: int | None = None,
    *,
    session: str | None = None,
    trace: str = TRACE,
    attributes: dict[str, str] | None = None,
    kind: str | None = None,
) -> SpanRecord:
    return make_span(
        trace_id=trace,
        span_id=f"{number:016x}",
        parent_span_id=None if parent is None else f"{parent:016x}",
        session_key=session,
        name=f"span {number}",
        kind=kind,
        start_ns=T + number,
        end_ns=T + number + 1,
        attributes=attributes or {},
        scope="tests",
        rank=RANK_ENDED_OTLP,
        version=T + number + 1,
    )


def event(number: int, on: int, *, trace: str = TRACE, session: str | None = None) -> EventRecord:
    payload = orjson.dumps({"n": number}).decode()
    return EventRecord(trace, f"{on:016x}", T + number, session, "atlas.metadata", payload)


def late_reward(number: int, *, span_id: int | None = None) -> list[Record]:
    attributes = {semconv.ATLAS_TARGET_TRACE_ID: TRACE}
    if span_id is not None:
        attributes[semconv.ATLAS_TARGET_SPAN_ID] = f"{span_id:016x}"
    trace = f"{100 + number:032x}"
    return [span(number, trace=trace, attributes=attributes, kind="reward"), event(number, number, trace=trace)]


def settled(subject: Subject) -> None:
    while subject.store.project():
        pass


def members(subject: Subject, session: str) -> list[int]:
    """The numbers of the session's spans, and of its events as negatives."""
    records = subject.store.records(session)
    assert {record.session_key for record in records} <= {session}
    return sorted(
        [int(span_id, 16) for _, span_id in records.spans] + [T - sequence for _, _, sequence in records.events]
    )


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_spans_take_the_session_of_their_nearest_ancestor(subject: Subject, order: tuple[int, ...]) -> None:
    batches: list[list[Record]] = [
        [span(1, session=OURS), span(2, 1), span(3, 2), event(7, 3)],
        [span(4, 2, session=INNER), span(5, 4)],
        [span(6, 5), event(8, 6), span(7, 3)],
    ]
    for number in order:
        subject.store.write(batches[number])
        settled(subject)

    assert members(subject, OURS) == [-7, 1, 2, 3, 7]
    assert members(subject, INNER) == [-8, 4, 5, 6]
    for session, spans in ((OURS, 4), (INNER, 3)):
        rows = subject.store.rows(session)
        assert rows is not None
        assert rows.session.metadata["spans"] == spans


@pytest.mark.parametrize("session_first", [True, False])
def test_without_an_ancestor_here_a_span_takes_the_only_session_of_its_trace(
    subject: Subject, session_first: bool
) -> None:
    batches: list[list[Record]] = [[span(1, session=OURS)], [span(5, 4), event(3, 9)]]
    for batch in batches if session_first else batches[::-1]:
        subject.store.write(batch)
        settled(subject)

    assert members(subject, OURS) == [-3, 1, 5]


def test_of_several_sessions_none_is_guessed_until_a_parent_comes(subject: Subject) -> None:
    subject.store.write([span(1, session=OURS), span(2, session=INNER), span(5, 4)])
    settled(subject)
    assert (members(subject, OURS), members(subject, INNER)) == ([1], [2])

    subject.store.write([span(4, 2)])
    settled(subject)
    assert (members(subject, OURS), members(subject, INNER)) == ([1], [2, 4, 5])


def test_a_trace_of_others_is_a_session_of_its_own(subject: Subject) -> None:
    subject.store.write([span(3, 2), span(4, 2), span(9, trace=OTHER), event(1, 3)])
    settled(subject)
    assert members(subject, IMPLICIT) == []

    subject.store.write([span(2, 1, attributes=AGENT)])
    settled(subject)
    assert members(subject, IMPLICIT) == [-1, 2, 3, 4]
    rows = subject.store.rows(IMPLICIT)
    assert rows is not None
    assert rows.session.metadata["spans"] == 3

    subject.store.write([span(1)])
    settled(subject)
    assert members(subject, IMPLICIT) == [-1, 1, 2, 3, 4]
    assert TRACE not in IMPLICIT
    assert subject.store.rows(implicit_session(OTHER)) is None


def test_tools_alone_are_no_session_and_join_one(subject: Subject) -> None:
    tool = {semconv.GEN_AI_OPERATION_NAME: "execute_tool", semconv.GEN_AI_TOOL_NAME: "look"}
    subject.store.write([span(3, 2, attributes=tool), span(4, 3)])
    settled(subject)
    assert subject.store.rows(IMPLICIT) is None
    assert members(subject, IMPLICIT) == []

    subject.store.write([span(2, 1, attributes=AGENT)])
    settled(subject)
    assert members(subject, IMPLICIT) == [2, 3, 4]


def test_a_session_of_ours_that_comes_later_takes_a_trace_over(subject: Subject) -> None:
    subject.store.write([span(2, 1, attributes=AGENT), span(3, 2), event(1, 3)])
    settled(subject)
    assert subject.store.rows(IMPLICIT) is not None

    subject.store.write([span(1, session=OURS)])
    settled(subject)

    assert members(subject, OURS) == [-1, 1, 2, 3]
    assert members(subject, IMPLICIT) == []
    assert subject.store.rows(IMPLICIT) is None
    rows = subject.store.rows(OURS)
    assert rows is not None
    assert rows.session.metadata["spans"] == 3

    subject.store.write([span(4, 2)])
    settled(subject)
    assert members(subject, OURS) == [-1, 1, 2, 3, 4]


def test_a_record_that_names_its_session_wins_over_what_was_found_out(subject: Subject) -> None:
    subject.store.write([span(2, 1, attributes=AGENT), span(3, 2), event(1, 3)])
    settled(subject)

    better = span(3, 2, session=OURS)._replace(rank=RANK_ENDED)
    subject.store.write([better, event(1, 3, session=OURS)])
    settled(subject)

    assert members(subject, OURS) == [-1, 2, 3]
    assert subject.store.rows(IMPLICIT) is None

    subject.store.write([span(3, 2), event(1, 3)])  # the poorer copy again
    settled(subject)
    assert members(subject, OURS) == [-1, 2, 3]


@pytest.mark.parametrize("seed", range(8))
def test_order_and_batches_make_no_difference(subject: Subject, seed: int) -> None:
    records: list[Record] = [
        span(1),
        span(2, 1, session=OURS),
        *(span(n, n // 2) for n in range(4, 12)),
        span(3, 1, session=INNER),
        *(event(n, n) for n in range(3, 14)),
        *late_reward(50),
        *late_reward(51, span_id=6),
        *(span(n, 99, trace=OTHER, attributes=AGENT if n == 63 else None) for n in range(60, 66)),
    ]
    chance = random.Random(seed)
    chance.shuffle(records)
    records += chance.sample(records, 6)
    while records:
        cut = chance.randint(1, 9)
        batch, records = records[:cut], records[cut:]
        subject.store.write(batch)
        if chance.random() < 0.5:
            subject.store.project()
    settled(subject)

    assert members(subject, OURS) == sorted([2, 4, 5, 8, 9, 10, 11, -4, -5, -8, -9, -10, -11])
    assert members(subject, INNER) == sorted([3, 6, 7, 51, -3, -6, -7, -51])
    assert members(subject, IMPLICIT) == []
    assert members(subject, implicit_session(OTHER)) == [60, 61, 62, 63, 64, 65]


# --- rewards that come late --------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_late_reward_finds_the_only_session_of_its_target(subject: Subject, order: tuple[int, ...]) -> None:
    reward, its_event = late_reward(50)
    batches: list[list[Record]] = [[span(1, session=OURS)], [reward], [its_event]]
    for number in order:
        subject.store.write(batches[number])
        settled(subject)

    assert members(subject, OURS) == [-50, 1, 50]


def test_a_late_reward_follows_its_target_into_another_session(subject: Subject) -> None:
    subject.store.write([span(2, 1, attributes=AGENT), *late_reward(50)])
    settled(subject)
    assert members(subject, IMPLICIT) == [-50, 2, 50]

    subject.store.write([span(1, session=OURS)])
    settled(subject)
    assert members(subject, OURS) == [-50, 1, 2, 50]
    assert subject.store.rows(IMPLICIT) is None


def test_a_late_reward_alone_makes_no_session(subject: Subject) -> None:
    subject.store.write(late_reward(50))
    settled(subject)
    assert members(subject, implicit_session(f"{150:032x}")) == members(subject, IMPLICIT) == []

    named = span(51, session=OURS, kind="reward")
    subject.store.write([named, span(3)])
    settled(subject)
    assert members(subject, OURS) == [51]


def test_computing_again_changes_nothing(subject: Subject) -> None:
    subject.store.write([span(2, 1, attributes=AGENT), span(3, 2), *late_reward(50)])
    settled(subject)

    assert subject.mark_dirty() == 1
    settled(subject)

    assert members(subject, IMPLICIT) == [-50, 2, 3, 50]

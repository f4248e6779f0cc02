"""Records join in any order, and survive their encoding."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_otel.errors import RecordError
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
    decode_record,
    encode_record,
    merge_events,
    merge_spans,
)

keys = st.sampled_from([None, "", "a", "b"])
scalars = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
values = st.recursive(scalars | st.text(), lambda inner: st.lists(inner, max_size=3), max_leaves=5)
attributes = st.dictionaries(st.text(max_size=5), values, max_size=4)

# One span in several states: small ranges, so that ranks, versions and contents meet.
states = st.builds(
    lambda name, rank, version, key: SpanRecord(
        "t" * 32, "s" * 16, None, key, name, "tool", 1, 5, None, 0, None, {}, (), (), "", {}, rank, version
    ),
    st.sampled_from(["x", "y"]),
    st.sampled_from([RANK_OPEN, RANK_REAPED, RANK_ENDED_OTLP, RANK_ENDED]),
    st.integers(0, 2),
    keys,
)
events = st.builds(
    EventRecord, st.just("t"), st.just("s"), st.just(1), keys, st.sampled_from(["n", "m"]), st.sampled_from(["1", "2"])
)


@given(states, states, states)
def test_spans_join_as_in_a_semilattice(a: SpanRecord, b: SpanRecord, c: SpanRecord) -> None:
    assert merge_spans(a, a) == a
    assert merge_spans(a, b) == merge_spans(b, a)
    assert merge_spans(merge_spans(a, b), c) == merge_spans(a, merge_spans(b, c))


@given(events, events, events)
def test_events_too(a: EventRecord, b: EventRecord, c: EventRecord) -> None:
    assert merge_events(a, b) == merge_events(b, a)
    assert merge_events(merge_events(a, b), c) == merge_events(a, merge_events(b, c))


@given(st.lists(states | events, max_size=4))
def test_a_set_is_the_same_for_every_order_and_duplication(records: list[Record]) -> None:
    expected = RecordSet(records)
    for order in permutations(records):
        found = RecordSet([*order, *order])
        assert (found.spans, found.events) == (expected.spans, expected.events)
        assert not any(found.add(record) for record in order)


@given(attributes, st.lists(st.builds(SpanEvent, st.text(), st.integers(0, 2**62), attributes), max_size=2))
def test_encoding_is_exact(held: dict[str, object], on_span: list[SpanEvent]) -> None:
    span = SpanRecord(
        "t", "s", "p", "k", "n", None, 2, 1, 2, 2, "m", held, tuple(on_span), (SpanLink("a", "b", held),), "sc",  # type: ignore[arg-type]
        held, RANK_ENDED, 3, 1, 2, 3,
    )  # fmt: skip
    assert decode_record(encode_record(span)) == span
    event = EventRecord("t", "s", 1, None, "n", "{}")
    assert decode_record(encode_record(event)) == event


@given(st.binary() | st.text().map(str.encode) | st.recursive(scalars, st.lists).map(repr).map(str.encode))
def test_what_is_no_record_is_refused_with_our_error(data: bytes) -> None:
    with pytest.raises(RecordError):
        decode_record(data)


def test_an_ended_span_beats_a_reaped_one_beats_an_open_one() -> None:
    base = SpanRecord("t", "s", None, "k", "n", None, 1, 1, None, 0, None, {}, (), (), "", {}, RANK_OPEN, 9)
    reaped, ended = base._replace(rank=RANK_REAPED, version=5), base._replace(rank=RANK_ENDED, version=1, end_ns=2)
    for order in permutations([base, reaped, ended]):
        assert list(RecordSet(order).spans.values()) == [ended]
    assert merge_spans(base, reaped) == reaped
    assert ended.ended
    assert not reaped.ended

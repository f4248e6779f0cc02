"""A record as a row of the lake, and back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_otel import semconv
from atlas_otel.errors import RecordError
from atlas_otel.lake import schema
from atlas_otel.projection.trace_sessions import implicit_session
from atlas_otel.records.record import EventRecord, Record, SpanEvent, SpanLink, SpanRecord, encode_record
from tests.support.records import make_span

MAX = 2**63 - 1
text = st.text(st.characters(exclude_categories=["Cs"]))
int64 = st.integers(-(2**63), MAX)
scalars = st.none() | st.booleans() | int64 | st.floats(allow_nan=False, allow_infinity=False) | text
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=5)
attributes = st.dictionaries(text, values, max_size=4)
small = st.integers(-(2**31) + 1, 2**31 - 1)
times = st.integers(-MAX, MAX)

spans = st.builds(
    SpanRecord,
    trace_id=text,
    span_id=text,
    parent_span_id=st.none() | text,
    session_key=st.none() | text,
    name=text,
    kind=st.none() | text,
    span_kind=small,
    start_ns=times,
    end_ns=st.none() | times,
    status=small,
    status_message=st.none() | text,
    attributes=attributes,
    events=st.lists(st.builds(SpanEvent, text, times, attributes), max_size=2).map(tuple),
    links=st.lists(st.builds(SpanLink, text, text, attributes), max_size=2).map(tuple),
    scope=text,
    resource=attributes,
    rank=small,
    version=times,
    dropped_attributes=small,
    dropped_events=small,
    dropped_links=small,
)
events = st.builds(EventRecord, text, text, times, st.none() | text, text, text)


def plain(record: Record) -> Any:
    return json.loads(encode_record(record))


@settings(max_examples=150, deadline=None)
@given(st.lists(spans | events, max_size=6))
def test_what_goes_in_comes_out(records: list[Record]) -> None:
    some_spans = [one for one in records if isinstance(one, SpanRecord)]
    some_events = [one for one in records if isinstance(one, EventRecord)]
    out: list[tuple[str, Record]] = []
    for name, rows in (
        (schema.SPANS, [schema.span_to_row(one) for one in some_spans]),
        (schema.SPAN_EVENTS, [schema.event_to_row(one) for one in some_events]),
    ):
        table = schema.to_arrow(name, rows)
        assert table.schema.equals(schema.arrow_schema(name))
        out += schema.records_of(name, table.to_batches())
    assert sorted(json.dumps(plain(one)) for one in records) == sorted(json.dumps(plain(one)) for _, one in out)
    for owner, record in out:
        assert owner == schema.owner_of(record)[0]


@given(spans)
def test_a_texts_bytes_are_its_text(span: SpanRecord) -> None:
    captured = span._replace(attributes={"long": "日本".encode(), "n": 1})
    assert schema.span_from_row(row_of(captured)).attributes == {"long": "日本", "n": 1}


def row_of(span: SpanRecord) -> dict[str, Any]:
    return dict(zip((column.name for column in schema.SPAN_COLUMNS), schema.span_to_row(span), strict=True))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"attributes": {"a": "\ud800"}}, "cannot be encoded"),
        ({"attributes": {"a": object()}}, "cannot be encoded"),
        ({"attributes": {"a": 2**70}}, "cannot be encoded"),
        ({"name": "\ud800"}, "name does not fit"),
        ({"start_ns": 2**63}, "start_ns does not fit"),
        ({"span_kind": True}, "span_kind does not fit"),
        ({"dropped_links": 2**31}, "dropped_links does not fit"),
        ({"name": None}, "name is missing"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(RecordError, match=said):
        schema.span_to_row(make_span(**fields))


def test_the_owner() -> None:
    named = make_span(session_key="s")
    assert schema.owner_of(named, "found") == ("s", None)
    alone = make_span()
    assert schema.owner_of(alone) == (implicit_session(alone.trace_id), alone.trace_id)
    assert schema.owner_of(alone, "found") == ("found", alone.trace_id)
    late = make_span(kind="reward", attributes={semconv.ATLAS_TARGET_TRACE_ID: "A" * 32})
    assert schema.owner_of(late) == (implicit_session("a" * 32), "a" * 32)


def test_a_row_that_is_damaged_says_which() -> None:
    row = {**row_of(make_span()), "attributes": '{"a": '}
    with pytest.raises(RecordError, match=f"span {'1' * 32}/{'2' * 16} in the lake cannot be read"):
        schema.span_from_row(row)


def test_field_ids_are_unique_and_stay() -> None:
    """A column's id is for ever: a change here is a change of every lake."""
    for columns in schema.COLUMNS.values():
        assert [column.id for column in columns] == list(range(1, len(columns) + 1))
    assert [column.name for column in schema.SPAN_COLUMNS][:9] == [
        *("owner", "session_key", "session_trace", "trace_id", "span_id", "name"),
        *("start_time", "start_ns", "end_ns"),
    ]

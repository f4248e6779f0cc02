from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_otel.postgres import rows
from atlas_otel.postgres.statements import statement
from atlas_otel.records.record import EventRecord, SpanEvent, SpanLink, SpanRecord, decode_record, encode_record
from tests.support.records import make_span

INT64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | INT64 | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(TEXT, inner),
    max_leaves=6,
)
ATTRIBUTES = st.dictionaries(TEXT, VALUES, max_size=3)
SPANS = st.builds(
    SpanRecord,
    trace_id=st.text("0123456789abcdef", min_size=32, max_size=32),
    span_id=st.text("0123456789abcdef", min_size=16, max_size=16),
    parent_span_id=st.none() | TEXT,
    session_key=st.none() | TEXT,
    name=TEXT,
    kind=st.none() | TEXT,
    span_kind=st.integers(0, 5),
    start_ns=INT64,
    end_ns=st.none() | INT64,
    status=st.integers(0, 2),
    status_message=st.none() | TEXT,
    attributes=ATTRIBUTES,
    events=st.lists(st.builds(SpanEvent, TEXT, INT64, ATTRIBUTES), max_size=2).map(tuple),
    links=st.lists(st.builds(SpanLink, TEXT, TEXT, ATTRIBUTES), max_size=2).map(tuple),
    scope=TEXT,
    resource=ATTRIBUTES,
    rank=st.integers(1, 5),
    version=INT64,
    dropped_attributes=st.integers(0, 2**31 - 1),
    dropped_events=st.integers(0, 2**31 - 1),
    dropped_links=st.integers(0, 2**31 - 1),
)
EVENTS = st.builds(EventRecord, TEXT, TEXT, INT64, st.none() | TEXT, TEXT, TEXT)


REVISIONS = st.none() | INT64


def _fields(copied: bytes) -> list[bytes | None]:
    """The fields of one row of a binary COPY, as the server would read them."""
    (count,), at = struct.unpack_from(">h", copied), 2
    found: list[bytes | None] = []
    for _ in range(count):
        (length,) = struct.unpack_from(">i", copied, at)
        at += 4
        found.append(None if length < 0 else copied[at : at + length])
        at += max(length, 0)
    assert at == len(copied)
    return found


def _value(field: bytes | None, column: str) -> object:
    if field is None or column in ("resource_hash", "attributes", "events", "links"):
        return field
    if column in ("span_kind", "status", "rank"):
        return struct.unpack(">h", field)[0]
    if column in ("dropped_attributes", "dropped_events", "dropped_links"):
        return struct.unpack(">i", field)[0]
    if column in ("start_ns", "end_ns", "version", "sequence", "revision"):
        return struct.unpack(">q", field)[0]
    return field.decode()


def _row(copied: bytes, columns: tuple[str, ...]) -> tuple[list[object], object]:
    """The values of the columns, and the revision."""
    *values, revision = (_value(*pair) for pair in zip(_fields(copied), (*columns, "revision"), strict=True))
    return values, revision


@given(SPANS, REVISIONS)
def test_a_span_comes_back_from_its_row(span: SpanRecord, revision: int | None) -> None:
    resources = rows.ResourceEncoder()

    values, written = _row(rows.span_to_copy(span, resources, revision), rows.SPAN_COLUMNS)

    row = rows.SpanRow(*values)
    back = rows.from_span_row(row, decode_record(encode_record(span)).resource)
    assert encode_record(back) == encode_record(span)  # bytes: to ==, -0.0 is 0.0, and 1 is True
    assert all(isinstance(event, SpanEvent) for event in back.events)
    assert all(isinstance(link, SpanLink) for link in back.links)
    assert list(resources.encoded) == [row.resource_hash]
    assert written == revision


@given(EVENTS, REVISIONS)
def test_an_event_comes_back_from_its_row(event: EventRecord, revision: int | None) -> None:
    values, written = _row(rows.event_to_copy(event, revision), rows.EVENT_COLUMNS)

    assert EventRecord(*values) == event
    assert written == revision


@pytest.mark.parametrize(
    "field",
    [
        {"attributes": {"n": 1 << 64}},
        {"attributes": {"n": "\ud800"}},
        {"attributes": {1: "a key that is no text"}},
        {"resource": {"x": object()}},
        {"start_ns": 1 << 63},
        {"span_kind": 1 << 15},
        {"name": "\ud800"},
    ],
)
def test_what_cannot_become_a_row_raises_one_of_the_named_errors(field: dict[str, object]) -> None:
    whole = make_span(trace_id="0" * 32, span_id="0" * 16, start_ns=0, end_ns=None, scope="", rank=1, version=0)
    with pytest.raises(rows.UNREPRESENTABLE):
        rows.span_to_copy(whole._replace(**field), rows.ResourceEncoder(), 1)


@pytest.mark.parametrize(
    ("name", "columns"), [("write_spans", rows.SPAN_COLUMNS), ("write_events", rows.EVENT_COLUMNS)]
)
def test_the_inserts_list_the_columns_of_a_row(name: str, columns: tuple[str, ...]) -> None:
    text = statement(name).decode().partition("(")[2].partition(")")[0]
    assert [column.strip() for column in text.split(",")] == [*columns, "revision"]

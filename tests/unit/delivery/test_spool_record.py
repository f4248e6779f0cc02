"""Records as they stand in the spool: long texts behind the JSON, unescaped, and back."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_otel.delivery.spool_record import LONG, pack_record, unpack_record
from atlas_otel.errors import RecordError
from atlas_otel.records.record import EventRecord, SpanEvent, SpanRecord, encode_record
from tests.support.records import make_span

_TEXTS = st.builds(
    lambda text, times: text * times, st.text(st.characters(codec="utf-8"), max_size=20), st.sampled_from([1, 40, 400])
)
_SCALARS = st.one_of(_TEXTS, st.integers(-(2**53), 2**53), st.booleans(), st.none(), st.lists(_TEXTS, max_size=3))


def _span(**changes) -> SpanRecord:
    span = make_span(
        trace_id="a" * 32,
        span_id="b" * 16,
        session_key="key",
        name="tool",
        kind="tool",
        span_kind=1,
        start_ns=10,
        end_ns=20,
        attributes={"atlas.input": "{}"},
        scope="atlas",
        resource={"service.name": "x"},
        version=20,
    )
    return span._replace(**changes)


@given(
    attributes=st.dictionaries(_TEXTS, _SCALARS, max_size=6),
    name=_TEXTS,
    events=st.lists(st.builds(SpanEvent, _TEXTS, st.integers(0, 2**60), st.dictionaries(_TEXTS, _TEXTS)), max_size=2),
)
def test_a_span_comes_back_as_it_was_with_its_attributes_in_order(attributes, name, events):
    span = _span(attributes=attributes, name=name, events=tuple(events))
    back = unpack_record(pack_record(span))
    assert encode_record(back) == encode_record(span)
    assert list(back.attributes.items()) == list(attributes.items())


@given(payload=_TEXTS, key=st.none() | _TEXTS, sequence=st.integers(0, 2**62))
def test_an_event_comes_back_as_it_was(payload, key, sequence):
    event = EventRecord("a" * 32, "b" * 16, sequence, key, "atlas.intermediate_step", payload)
    assert unpack_record(pack_record(event)) == event


def test_long_texts_stand_in_it_as_they_are():
    text = orjson.dumps([{"role": "user", "content": 'line\n"quoted"'}] * 100).decode()
    assert len(text) > LONG
    assert text.encode() in pack_record(_span(attributes={"first": 1, "atlas.input": text, "last": "x"}))
    assert text.encode() in pack_record(EventRecord("a" * 32, "b" * 16, 1, None, "e", text))


@pytest.mark.parametrize("record", [_span(attributes={"a": "x", "b": 1.5}), EventRecord("a", "b", 1, None, "e", "{}")])
def test_what_an_earlier_version_left_in_a_spool_is_read(record):
    assert encode_record(unpack_record(encode_record(record))) == encode_record(record)


@pytest.mark.parametrize(
    "record",
    [
        _span(attributes={"a": "\ud800" * 5000}),
        _span(attributes={"a": object()}),
        EventRecord("a", "b", 1, None, "e", "\ud800"),
    ],
)
def test_what_is_not_json_is_refused(record):
    with pytest.raises(RecordError):
        pack_record(record)


_PACKED = pack_record(_span(attributes={"one": "x" * 3000, "two": "é" * 3000}))


@pytest.mark.parametrize(
    "data",
    [
        _PACKED[:-1],
        _PACKED + b"x",
        _PACKED.replace(b'["one","two"]', b'["one","six"]'),
        _PACKED.replace(b'["one","two"]', b'["one"]'),
        _PACKED.replace(b'["one","two"]', b"7"),
        _PACKED.replace(b'["one","two"]', b'["one",["two"]]'),
        _PACKED.replace(b'"one":3000', b'"one":3001'),
        _PACKED.replace(b'"one":3000', b'"one":-1'),
        _PACKED.replace(b'"one":3000', b'"one":"3000"'),
        _PACKED.replace(b'"s"', b'"z"'),
        _PACKED[: _PACKED.rindex(b"\n")],
        pack_record(EventRecord("a", "b", 1, None, "e", "{}"))[:-2] + b"\xff",
        b"\n",
    ],
)
def test_what_is_damaged_is_refused_and_not_guessed_at(data):
    with pytest.raises(RecordError):
        unpack_record(data)

"""What we say ``jsonb`` makes of a JSON text, beside what a server makes of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from atlas_otel.errors import RecordError
from atlas_otel_exporters.building.jsonb_text import jsonb_text, read_json, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_DIGITS = st.from_regex(r"\A-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?\Z")
_TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
_STRINGS = _TEXTS.flatmap(lambda text: st.sampled_from([json.dumps(text), json.dumps(text, ensure_ascii=False)]))
_SCALARS = st.one_of(_DIGITS, _STRINGS, st.sampled_from(["true", "false", "null"]))
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda items: "[" + ",".join(items) + "]"),
        # Pairs, not a mapping: a key may come twice.
        st.lists(st.tuples(_STRINGS, inner), max_size=4).map(
            lambda pairs: "{" + ",".join(f"{key}:{value}" for key, value in pairs) + "}"
        ),
    ),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def server(server_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(server_url, autocommit=True) as connection:
        yield connection


def _by_server(server: psycopg.Connection, text: str) -> bytes | None:
    try:
        row = server.execute("SELECT %s::jsonb::text", [text]).fetchone()
    except psycopg.errors.DataError:
        return None
    assert row is not None
    return str(row[0]).encode()


@example('{"bb":1,"a":2,"é":3,"aa":4,"":5}')
@example('{"a":1,"a":2}')
@example('{"a":"\\u0000","a":1}')
@example('{"a":1e999999,"a":1}')
@example("-0.0")
@example("-0")
@example("1.50e1")
@example("0e5")
@example("0.00E-3")
@example("1e22")
@example("123456789012345678901234567890.10")
@example("1e131072")
@example("1e131071")
@example("1e-16383")
@example("1e-16384")
@example("1E400")
@example('"\\u0000"')
@example('"\\\\u0000"')
@example('"\\ud800"')
@example('"\\ud83d\\ude00 \\u007f \\u001f \\/ \\b\\f\\n\\r\\t"')
@example("[[],{}]")
@example("[NaN]")
@example("[1,]")
@given(_VALUES)
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_jsonb_text_is_the_servers(server: psycopg.Connection, text: str) -> None:
    expected = _by_server(server, text)
    try:
        made = jsonb_text(text.encode())
    except RecordError:
        made = None
    assert made == expected


@given(_VALUES)
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_text_of_is_the_servers_arrow(server: psycopg.Connection, text: str) -> None:
    wrapped = f'{{"it":{text}}}'
    if _by_server(server, wrapped) is None:
        return
    row = server.execute("SELECT %s::jsonb ->> 'it'", [wrapped]).fetchone()
    assert row is not None
    value = read_json(wrapped.encode())
    assert isinstance(value, dict)
    assert text_of(value["it"]) == row[0]

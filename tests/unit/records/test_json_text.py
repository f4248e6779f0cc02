"""JSON text that is carried whole, and what no database holds in it."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_otel.records.json_text import JsonText, dump, storable

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=12) | st.sampled_from(
    ["\0", "\ud83d", "\ude00", "\\u0000", "\\", "\\\\u0000", "\U0001f600"]
)
ANY_JSON = st.recursive(
    ANY_TEXT | st.integers(-5, 5) | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)


def has_unstorable(value: object) -> bool:
    if isinstance(value, str):
        return any(char == "\0" or "\ud800" <= char <= "\udfff" for char in value)
    if isinstance(value, dict):
        return any(has_unstorable(one) for pair in value.items() for one in pair)
    return isinstance(value, list) and any(map(has_unstorable, value))


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        (r'"a\u0000b"', r'"a\ufffdb"'),
        (r'"a\\u0000b"', r'"a\\u0000b"'),
        (r'"a\\\u0000b"', r'"a\\\ufffdb"'),
        (r'"\ud83d\ude00"', r'"\ud83d\ude00"'),
        (r'"\ud83d"', r'"\ufffd"'),
        (r'"\ude00\ud83d x"', r'"\ufffd\ufffd x"'),
        (r'"\uD83D\uDE00\uDE00"', r'"\uD83D\uDE00\ufffd"'),
        ('"plain"', '"plain"'),
    ],
)
def test_escapes_that_postgres_refuses_are_replaced(text: str, stored: str) -> None:
    assert storable(text) == stored
    assert JsonText(text).text == stored
    assert dump(JsonText(text)) == stored


def test_a_plain_text_that_holds_such_an_escape_stays_as_it_is() -> None:
    code = r'print("\u0000")'
    assert JsonText(code).text == JsonText(code).value == code
    assert json.loads(dump({"code": JsonText(code)})) == {"code": code}


@given(ANY_JSON)
def test_whatever_is_written_can_be_stored_and_nothing_else_changes(value: object) -> None:
    escaped = JsonText(json.dumps(value))
    assert not has_unstorable(escaped.value)
    assert not has_unstorable(orjson.loads(dump({"held": value, "text": escaped})))
    if not has_unstorable(value):
        assert escaped.value == value

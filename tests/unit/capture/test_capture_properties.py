"""Whatever goes in, what comes out is JSON that every sink takes, within its limits."""

from __future__ import annotations

import collections
import dataclasses
import math
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_otel.capture.bounding import LEAST_SHARE
from atlas_otel.capture.capture import Capture, Limits
from atlas_otel.capture.normalise import to_tree

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=40)  # NUL and surrogates too
LONG_TEXT = st.builds(lambda part, times: part * times, ANY_TEXT, st.integers(0, 60))


@dataclasses.dataclass
class Box:
    content: object


class Broken:
    def __getattr__(self, name: str) -> object:
        raise RuntimeError(name)

    def __repr__(self) -> str:
        raise RuntimeError


def circular(value: object) -> dict[str, object]:
    loop: dict[str, object] = {"value": value}
    loop["loop"] = [loop]
    return loop


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=2**62, max_value=2**70)
    | st.floats()
    | LONG_TEXT
    | st.binary(max_size=30)
    | st.dates()
    | st.datetimes(timezones=st.none() | st.timezones())
    | st.decimals()
    | st.uuids()
    | st.complex_numbers()
    | st.builds(Broken)
    | st.builds(iter, st.just([1]))
)
KEYS = ANY_TEXT | st.integers() | st.none() | st.booleans() | st.floats() | st.tuples(st.integers()) | st.dates()
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=8)
        | st.dictionaries(KEYS, inner, max_size=8)
        | st.tuples(inner, inner)
        | st.builds(Box, inner)
        | st.builds(circular, inner)
        | st.builds(collections.deque, st.lists(inner, max_size=3))
        | st.frozensets(ANY_TEXT | st.integers(), max_size=4)
    ),
    max_leaves=60,
)
STORABLE = st.characters(exclude_characters="\0", exclude_categories=("Cs",))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(STORABLE, max_size=40),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(STORABLE, max_size=9), inner, max_size=20),
    max_leaves=150,
)

MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "tool"]), "content": st.text(STORABLE, max_size=400) | JSON}
)
# What is cut by whole messages, and what looks like it.
CONVERSATIONS = st.lists(MESSAGE | st.just({"atlas.truncated": {"messages": 2, "bytes": 9}}), min_size=1, max_size=8)
CUT = (
    JSON
    | CONVERSATIONS
    | st.builds(lambda others, messages: {**others, "messages": messages},
                st.dictionaries(st.text(STORABLE, max_size=9), JSON, max_size=4), CONVERSATIONS)
)  # fmt: skip


def strings(tree: Any) -> list[str]:
    if isinstance(tree, str):
        return [tree]
    if isinstance(tree, list):
        return [text for item in tree for text in strings(item)]
    if isinstance(tree, dict):
        return [*tree, *(text for item in tree.values() for text in strings(item))]
    assert not isinstance(tree, float) or math.isfinite(tree)
    return []


def assert_storable(text: str) -> Any:
    """JSON that Postgres' jsonb takes: no NUL, no lone surrogate, no NaN."""
    text.encode()
    assert "\\u0000" not in text.replace("\\\\", "")
    tree = orjson.loads(text)
    assert not any("\0" in held for held in strings(tree))
    return tree


@given(VALUES)
def test_anything_becomes_storable_json_the_same_each_time(value: object) -> None:
    capture = Capture()
    kept, again, whole = capture.value(value, "w"), capture.value(value, "w"), capture.unbounded(value, "w")
    assert kept is not None
    assert kept == again == whole
    assert kept.truncated == 0
    assert_storable(kept.json)


@given(VALUES)
def test_both_ways_agree(value: object) -> None:
    """What the quick way writes is what the careful one would have."""
    kept = Capture().value(value, "w")
    assert kept is not None
    assert orjson.loads(kept.json) == orjson.loads(orjson.dumps(to_tree(value).tree))


@given(JSON)
def test_json_is_left_as_it_is(value: object) -> None:
    kept = Capture().value(value, "w")
    assert kept is not None
    assert orjson.loads(kept.json) == value
    assert list(strings(orjson.loads(kept.json))) == list(strings(value))


@given(CUT | VALUES, st.integers(0, 200), st.integers(0, 2000))
def test_limits_hold_and_what_is_cut_says_so(value: object, string_bytes: int, value_bytes: int) -> None:
    capture = Capture(Limits(string_bytes, value_bytes))
    whole = capture.unbounded(value, "w")
    kept = capture.value(value, "w")
    assert kept is not None
    assert whole is not None
    assert kept == capture.value(value, "w")
    tree = assert_storable(kept.json)
    assert len(kept.json.encode()) <= max(value_bytes, LEAST_SHARE)
    # A marker, and a suffix where two keys were cut to the same, may make a very small limit longer.
    assert all(len(text.encode()) <= max(string_bytes, 64) for text in strings(tree))
    if kept.truncated == 0:
        assert kept == whole
    else:
        assert kept.json != whole.json
        assert "cut by atlas-otel" in kept.json or '"atlas.truncated"' in kept.json


@given(CUT, st.integers(0, 200), st.integers(160, 2000))
def test_both_ways_cut_alike(value: object, string_bytes: int, value_bytes: int) -> None:
    limits = Limits(string_bytes, value_bytes)
    careful = Capture(limits, redactor=lambda text, where: text).value(value, "w")
    kept = Capture(limits).value(value, "w")
    assert kept is not None
    assert careful is not None
    assert (kept.json, kept.truncated) == (careful.json, careful.truncated)


@given(CUT, st.integers(200, 2000))
def test_what_fits_is_not_cut_again(value: object, limit: int) -> None:
    capture = Capture(Limits(100, limit))
    once = capture.value(value, "w")
    assert once is not None
    twice = capture.value(orjson.loads(once.json), "w")
    assert twice is not None
    assert (twice.json, twice.truncated) == (once.json, 0)


@given(LONG_TEXT, st.integers(64, 500))
def test_text_is_cut_at_code_points_and_keeps_both_ends(text: str, limit: int) -> None:
    whole = Capture().text(text, "w")
    kept = Capture(Limits(limit)).text(text, "w")
    assert whole is not None
    assert kept is not None
    size = len(whole.encode())
    assert len(kept.encode()) <= limit
    if size <= limit:
        assert kept == whole
    else:
        head, marker, tail = kept.partition(f"…[{size} bytes, cut by atlas-otel]…")
        assert marker
        assert whole.startswith(head)
        assert whole.endswith(tail)


@given(st.dictionaries(ANY_TEXT, LEAVES | st.lists(LEAVES, max_size=3), max_size=6))
def test_foreign_attributes_become_storable(attributes: dict[str, Any]) -> None:
    for capture in (Capture(), Capture(redactor=lambda text, where: text)):
        kept = capture.attributes(attributes, "span")
        assert len(kept) <= len(attributes)
        assert_storable(orjson.dumps(kept).decode())
        assert capture.attributes(kept, "span") == kept


def test_of_a_value_over_its_limit_the_small_parts_are_kept_whole() -> None:
    value = {"question": "why?", "documents": ["d" * 5000, "e" * 5000], "n": 5}
    kept = Capture(Limits(max_value_bytes=2000)).value(value, "w")
    assert kept is not None
    tree = orjson.loads(kept.json)
    assert tree["question"] == "why?"
    assert tree["n"] == 5
    assert [len(document) > 700 for document in tree["documents"]] == [True, True]
    assert "[5000 bytes, cut by atlas-otel]" in tree["documents"][0]
    assert kept.truncated == len(orjson.dumps(value)) - len(kept.json.encode())


def test_of_very_many_parts_the_first_are_kept_and_the_rest_counted() -> None:
    rows = [{"id": number, "text": "x" * 100} for number in range(100_000)]
    kept = Capture(Limits(max_value_bytes=100_000)).value({"rows": rows}, "w")
    assert kept is not None
    tree = orjson.loads(kept.json)["rows"]
    *first, marker = tree
    assert first == rows[: len(first)]
    # Most was never read: how large it is nobody looked.
    assert marker == {"atlas.truncated": {"items": 100_000 - len(first)}}
    assert 90_000 < len(kept.json) <= 100_000
    assert kept.truncated == len(orjson.dumps({"rows": rows})) - len(kept.data)
    few = rows[:900]
    kept = Capture(Limits(max_value_bytes=90_000)).value(few, "w")
    assert kept is not None
    *first, marker = orjson.loads(kept.json)
    assert marker == {"atlas.truncated": {"items": 900 - len(first), "bytes": len(orjson.dumps(few))}}
    table = {f"key {number}": number for number in range(100_000)}
    kept = Capture(Limits(max_value_bytes=1000)).value(table, "w")
    assert kept is not None
    tree = orjson.loads(kept.json)
    marker = tree.pop("atlas.truncated")
    assert tree == {key: table[key] for key in list(table)[: len(tree)]}
    assert marker == {"entries": 100_000 - len(tree)}


@pytest.mark.parametrize("text", ["\x01" * 5000, "\\" * 5000, "é" * 5000, "\U0001f600" * 5000, "a" * 5000])
def test_escapes_count(text: str) -> None:
    kept = Capture(Limits(max_string_bytes=100_000, max_value_bytes=1000)).value([text], "w")
    assert kept is not None
    assert 700 < len(kept.json.encode()) <= 1000

"""JSON goes through unrounded, whatever a database holds."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from atlas_otel.errors import RecordError
from atlas_otel.records.exact_json import dump, load, load_object

numbers = st.one_of(
    st.integers(-(10**40), 10**40).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, places=25, min_value=-(10**30), max_value=10**30).map(
        lambda number: format(number, "f")
    ),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    # Around what a float holds: 15 digits always, more of them now and then.
    st.integers(15, 20)
    .flatmap(lambda places: st.decimals(0, 1, places=places))
    .map(lambda number: format(number, "f")),
)
texts = st.recursive(
    numbers | st.text().map(json.dumps) | st.sampled_from(["true", "false", "null"]),
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda items: f"[{', '.join(items)}]")
        | st.dictionaries(st.text(max_size=5), inner, max_size=4).map(
            lambda items: "{" + ", ".join(f"{json.dumps(key)}: {value}" for key, value in items.items()) + "}"
        )
    ),
    max_leaves=12,
)


def exactly(text: str | bytes) -> object:
    return json.loads(text, parse_int=Decimal, parse_float=Decimal)


@given(texts)
@example("0.06985601490518014")  # another fraction has the same float, and its name
@example("[90.07199254740993, 900.7199254740993]")
def test_what_is_read_is_written_with_every_digit(text: str) -> None:
    assert exactly(dump(load(text.encode()))) == exactly(text)


@given(st.integers(-(2**63), 2**64 - 1))
def test_ordinary_numbers_come_as_numbers(number: int) -> None:
    assert load(str(number).encode()) == number
    assert load(b"[%d, %d]" % (number, 10**30))[0] == number  # type: ignore[index]


@given(st.lists(st.floats(1e-5, 1, exclude_max=True) | st.integers(10**18, 2**63 - 1), max_size=5))
def test_the_long_numbers_of_programs_come_as_numbers(numbers: list[float]) -> None:
    # Next to text that looks like one.
    texts = ["-1.5-123456789012345678", "12345678901234567890e", "0" * 31 + "5", '"' + "9" * 40]
    assert load(dump([*texts, numbers])) == [*texts, numbers]
    assert all(type(number) in (int, float) for number in load(dump(numbers)))  # type: ignore[union-attr]


@pytest.mark.parametrize("digits", ["9" * 100_000, "0." + "123" * 10_000, "1" + "0" * 400])
def test_numbers_that_only_a_database_can_hold_pass_through(digits: str) -> None:
    assert dump(load(f"[{digits}, 123456789012345678]".encode())) == f"[{digits},123456789012345678]".encode()


@pytest.mark.parametrize("text", [b"", b"{", b"[1,]", b"nul", b"\xff", b"[" * 5000 + b"]" * 5000])
def test_what_is_no_json_is_an_error_of_ours(text: bytes) -> None:
    with pytest.raises(RecordError):
        load(text)


def test_an_object_is_asked_for_and_given() -> None:
    assert load_object(None) == load_object(b"null") == {}
    assert load_object(b'{"a": 1}') == {"a": 1}
    assert load_object(b"[1]") == {"raw": [1]}


def test_whole_numbers_of_any_length_are_written() -> None:
    assert dump({"id": 10**30, "deep": [1]}) == b'{"id":1' + b"0" * 30 + b',"deep":[1]}'
    with pytest.raises(RecordError):
        dump({"id": float("inf"), "n": 10**30})

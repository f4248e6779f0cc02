"""What a model is shown is bounded, and says what was left out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from atlas_otel.runtime.digest import ITEMS, TEXT_LENGTH, digest

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def test_long_texts_are_cut_in_their_middle():
    shown = digest("a" * TEXT_LENGTH + "b" * 5)
    assert shown.startswith("aaa")
    assert shown.endswith("bbbbb")
    assert "(5 characters left out)" in shown


def test_long_lists_keep_both_ends():
    shown = digest({"items": list(range(ITEMS + 3))})["items"]
    assert (shown[0], shown[ITEMS // 2], shown[-1]) == (0, "(3 items left out)", ITEMS + 2)
    assert len(shown) == ITEMS + 1


def test_deep_nesting_ends():
    value = []
    for _ in range(1000):
        value = [value]
    assert "nested too deep" in str(digest(value))


@given(JSON)
def test_what_is_small_is_shown_as_it_is(value):
    assert digest(value) == value

"""Two texts side by side lose no line of either."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_otel.errors import UsageError
from atlas_otel.look.difference import Side, compare, side

DOCUMENTS = st.dictionaries(
    st.sampled_from(["task", "plan", "step 1, output", "step 2, output"]), st.lists(st.sampled_from("abcd"), max_size=6)
)


@given(DOCUMENTS, DOCUMENTS)
def test_every_line_of_both_sides_is_there_once_in_order(
    left: dict[str, list[str]], right: dict[str, list[str]]
) -> None:
    sections = compare(left, right)
    assert {section.heading for section in sections} == {*left, *right}
    for section in sections:
        assert [pair.left for pair in section.pairs if pair.left is not None] == left.get(section.heading, [])
        assert [pair.right for pair in section.pairs if pair.right is not None] == right.get(section.heading, [])
        assert section.same == (left.get(section.heading, []) == right.get(section.heading, []))
        for pair in section.pairs:
            assert (pair.mark == "=") == (pair.left == pair.right)


@pytest.mark.parametrize(
    ("name", "means"),
    [
        ("12", Side("12")),
        ("12@2", Side("12", 2)),
        (" 6f46@2.1 ", Side("6f46", 2, 1)),
        ("a@b", Side("a@b")),
    ],
)
def test_names(name: str, means: Side) -> None:
    assert side(name) == means


def test_a_name_that_is_none() -> None:
    with pytest.raises(UsageError, match="name a session"):
        side("  ")

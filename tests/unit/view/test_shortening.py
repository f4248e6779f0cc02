"""What is too long for a trace storage is cut between messages, stays JSON, and says what is missing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_otel.view.shortening import shortened

LEAST = 1_000
ROLES = st.sampled_from(["system", "user", "assistant", "tool"])
PARTS = st.lists(st.builds(lambda text: {"type": "text", "content": text}, st.text(max_size=900)), max_size=3)
MESSAGES = st.lists(
    st.builds(lambda role, parts: {"role": role, "parts": parts}, ROLES, PARTS), min_size=1, max_size=30
)


def message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def texts(text: str) -> list[str]:
    return [one["parts"][0]["content"] for one in json.loads(text)]


CONVERSATION = [message("system", "Be brief."), *(message("user", f"{n}:" + "é" * 500) for n in range(41))]


def test_the_systems_the_first_and_the_newest_stay_whole() -> None:
    cut = shortened(json.dumps(CONVERSATION, ensure_ascii=False), 10_000)
    said = texts(cut)
    assert len(cut.encode()) <= 10_000
    assert said[:2] == ["Be brief.", "0:" + "é" * 500]
    assert said[2].startswith(f"… {len(CONVERSATION) - len(said) + 1} messages, ")
    assert said[3:] == [f"{n}:" + "é" * 500 for n in range(41 - len(said) + 3, 41)]
    assert len(said) > 8, "as many as fit"


def test_one_message_left_out_is_one_message() -> None:
    said = texts(shortened(json.dumps([message("user", str(n) * 900) for n in range(3)]), 2_200))
    assert [text[:11] for text in said] == ["0" * 11, "… 1 message", "2" * 11]


def test_a_message_that_is_too_long_itself_is_cut_within() -> None:
    said = texts(shortened(json.dumps([message("user", "first"), message("user", "x" * 50_000 + "end?")]), 5_000))
    assert said[0] == "first"
    assert said[1].startswith("xxx")
    assert said[1].endswith("end?")
    assert "cut by atlas-otel" in said[1]


@pytest.mark.parametrize("fits", ["[]", '{"a": 1}', "plain", json.dumps(CONVERSATION[:1])])
def test_what_fits_is_the_very_same(fits: str) -> None:
    assert shortened(fits, LEAST) is fits


def test_text_is_cut_as_text() -> None:
    cut = shortened("é" * 5_000, LEAST)
    assert len(cut.encode()) <= LEAST
    assert "10000 bytes" in cut


@given(MESSAGES, st.integers(LEAST, 12_000))
def test_it_fits_is_json_and_ends_with_the_last_message(messages: list[Any], limit: int) -> None:
    whole = json.dumps(messages, ensure_ascii=False)
    cut = shortened(whole, limit)
    assert len(cut.encode()) <= limit
    read = json.loads(cut)
    assert [one["role"] for one in read][-1] == messages[-1]["role"]
    if read[-1] == messages[-1]:
        missing = [one for one in read if one not in messages]
        assert len(missing) <= 2 or limit < 3_000


@given(
    st.recursive(
        st.none() | st.text(max_size=50) | st.integers(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=9), inner),
    )
)
def test_any_json_stays_json_within_the_limit(tree: Any) -> None:
    cut = shortened(json.dumps([tree] * 40, ensure_ascii=False), LEAST)
    assert len(cut.encode()) <= LEAST
    json.loads(cut)

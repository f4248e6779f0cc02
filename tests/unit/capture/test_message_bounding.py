"""Messages over the limit: images go first, then whole messages, the oldest first; one is cut inside at last."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_otel.calls.messages import read_messages
from atlas_otel.calls.model_call import Media
from atlas_otel.calls.openai_form import to_openai, unwritten
from atlas_otel.capture.capture import Capture, Limits
from atlas_otel.capture.message_bounding import bound_messages, is_messages

Message = dict[str, object]


def say(role: str, text: str) -> Message:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def test_of_many_messages_the_oldest_are_left_out_whole_and_the_system_text_stays() -> None:
    many = [say("system", "Be brief."), *(say("user", f"{number} {'x' * 5000}") for number in range(301))]
    captured = Capture(Limits()).messages(many, "gen_ai.input.messages")  # type: ignore[arg-type]
    assert captured is not None
    read = read_messages(orjson.loads(captured.data))
    assert read.cut is not None
    assert read.cut.messages + len(read.items) == len(many)
    assert read.cut.bytes == pytest.approx(captured.truncated, rel=0.01)
    system, *rest = read.items
    assert system.text == "Be brief."
    assert [one.text for one in rest] == [f"{number} {'x' * 5000}" for number in range(301 - len(rest), 301)]
    assert not any(one.cut_bytes for one in read.items)


def test_a_text_longer_than_other_texts_may_be_stays_whole_in_a_message() -> None:
    result = {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c", "response": "y" * 200_000}]}
    captured = Capture(Limits()).messages([say("user", "hi"), result], "gen_ai.input.messages")  # type: ignore[list-item]
    assert captured is not None
    assert captured.truncated == 0


@pytest.mark.parametrize(
    "image",
    [
        {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "A" * 2_000_000},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 2_000_000}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 2_000_000}},
        {"type": "input_image", "image_url": "data:image/png;base64," + "A" * 2_000_000},
    ],
)
def test_a_large_image_is_left_out_before_any_text_and_counted(image: Message) -> None:
    asked = {"role": "user", "content": [image, {"type": "text", "text": "What is it?"}]}
    captured = Capture(Limits()).value([asked, say("assistant", "A cat.")], "gen_ai.input.messages")
    attribute = Capture(Limits()).bounded_text(orjson.dumps([asked, say("assistant", "A cat.")]).decode())
    assert captured is not None
    for text in (captured.data, attribute.encode()):
        first, second = read_messages(orjson.loads(text)).items
        assert (first.text, second.text) == ("What is it?", "A cat.")
        assert first.cut_bytes > 1_900_000
        assert unwritten([first]) == 1
        assert to_openai([first]) == [{"role": "user", "content": "What is it?"}]
        assert any(isinstance(part, Media) for part in first.parts)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
MESSAGES = st.lists(st.builds(say, st.sampled_from(["system", "user", "assistant"]), TEXTS), min_size=1, max_size=12)


@given(MESSAGES, st.integers(400, 3000))
def test_what_is_kept_fits_and_is_the_end_of_what_there_was(messages: list[Message], limit: int) -> None:
    assert is_messages(messages)
    kept = bound_messages(messages, limit)  # type: ignore[arg-type]
    assert len(orjson.dumps(kept)) <= limit
    read = read_messages(kept)
    whole = [one for one in read.items if not one.cut_bytes]
    texts = [one.text for one in read_messages(messages).items]
    assert all(one.text in texts for one in whole)
    if kept != messages and all(not one.cut_bytes for one in read.items):
        assert read.cut is not None
        assert read.cut.messages == len(messages) - len(read.items)
        assert read.items[-1].text == texts[-1]


@pytest.mark.parametrize("size", [343, 372, 400, 2000])
def test_a_message_whose_parts_had_no_room_says_how_much_is_missing(size: int) -> None:
    (read,) = read_messages(bound_messages([say("system", "x" * size)], 400)).items  # type: ignore[list-item]
    assert read.cut_bytes > 0


OTHERS = st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=9), TEXTS, max_size=9)


@given(MESSAGES, OTHERS, st.integers(0, 3000))
def test_messages_and_what_is_beside_them_fit(messages: list[Message], others: dict[str, str], limit: int) -> None:
    value = {**others, "messages": messages}
    cut = orjson.loads(Capture(Limits(200, limit)).bounded_json(orjson.dumps(value).decode()))
    assert len(orjson.dumps(cut)) <= max(limit, 160)
    for one in cut.get("messages", ()):
        assert one in messages or "cut by atlas-otel" in str(one) or "atlas.truncated" in str(one)
    if max(len(text.encode()) for text in ("", *others.values())) <= 200 and len(orjson.dumps(value)) <= limit:
        assert cut == value

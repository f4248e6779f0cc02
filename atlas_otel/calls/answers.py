"""What a model answered, in any provider's form → its choices. Pure; never raises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel.calls import conventions, sharing
from atlas_otel.calls.answer import Answer, finished
from atlas_otel.calls.forms import ANSWERS
from atlas_otel.calls.messages import is_message, read_message, read_messages
from atlas_otel.calls.streams import join_stream
from atlas_otel.calls.usage import read_usage
from atlas_otel.records.json_text import JsonText

if TYPE_CHECKING:
    from collections.abc import Mapping

NO_ANSWER: Final = "no answer of a model in any known form"


def read_answer(value: object) -> Answer:
    """The answer that ``value`` is: a provider's response, the pieces of its stream, a message, a list of them, or a
    text. A :class:`~atlas_otel.records.json_text.JsonText` is opened.

    Several messages are several choices where each says why it ended; else they are the pieces of one answer. What is
    no answer gives no choice, and says why in ``unread``.

        read_answer({"choices": [{"message": {"role": "assistant", "content": "Hi."}}]}).choices[0].message.text
    """
    if isinstance(value, JsonText):
        return value.once("answer", lambda text: _read(text.value if text.valid else text))
    return _read(value)


def _read(value: object) -> Answer:
    if value is None or value in ("", [], {}):
        return Answer()
    if isinstance(value, dict):
        return _of_object(value)
    if isinstance(value, (list, tuple)):
        plain = [conventions.plain_message(one) if isinstance(one, dict) else None for one in value]
        if None not in plain:
            return finished([one for one in plain if one is not None], _reasons(value))
        if (whole := join_stream(value)) is not None:
            return _of_object(whole)
        if all(isinstance(one, dict) and isinstance(one.get("message"), dict) for one in value):
            return _of_object({"choices": list(value)})
        if all(isinstance(one, str) for one in value):
            value = "".join(value)
        elif not any(is_message(one) for one in value):
            return _of_several(value)
    read = read_messages(value, role="assistant")
    said = [one for one in read.items if one.role != "tool"] or list(read.items)
    return finished(said, _reasons(value) if len(said) == len(read.items) else (), cut=read.cut)


def _of_object(value: Mapping[str, Any]) -> Answer:
    for is_answer, read in ANSWERS:
        if is_answer(value):
            return read(value)
    usage = read_usage(value.get("usage"))
    if is_message(value):
        said = read_message(dict(value), "assistant")
        return finished(
            said,
            [sharing.text(value, "finish_reason", "stop_reason", "done_reason")],
            one=True,
            model=sharing.text(value, "model"),
            response_id=sharing.text(value, "id") if usage is not None or value.get("type") == "message" else None,
            usage=usage,
        )
    held = value.get("messages")
    if isinstance(held, list) and any(is_message(one) for one in held):
        return _of_state(held)
    said_text = value.get("content")
    if isinstance(said_text, str):
        return finished(read_message(said_text, "assistant"), usage=usage, model=sharing.text(value, "model"))
    return Answer(model=sharing.text(value, "model"), usage=usage, unread=(NO_ANSWER,))


def _of_state(messages: list[Any]) -> Answer:
    """Of an agent's state, ``{messages: […]}``, its last message where the model said it."""
    read = read_messages(messages[-1:], role="assistant")
    last = messages[-1]
    if read.items and read.items[-1].role == "assistant":
        return read_answer(last)
    return Answer(unread=(NO_ANSWER,))


def _of_several(values: Any) -> Answer:
    """A list of answers, each of which may have choices of its own."""
    found = [_of_object(one) for one in values if isinstance(one, dict)]
    if len(found) == 1 or (found and not any(one.choices for one in found[1:])):
        return found[0]
    return Answer(unread=(NO_ANSWER,))


def _reasons(value: object) -> list[str | None]:
    listed = value if isinstance(value, list) else [value]
    return [sharing.text(one, "finish_reason") if isinstance(one, dict) else None for one in listed]

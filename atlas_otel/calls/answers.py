"""What a model answered, in any provider's form → choices, ids, usage. Pure; never raises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from atlas_otel.calls import sharing
from atlas_otel.calls.messages import is_message, read_message, read_messages
from atlas_otel.calls.model_call import Choice, Message
from atlas_otel.calls.usage import read_usage
from atlas_otel.records.json_text import JsonText

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atlas_otel.calls.model_call import Cut, Tokens, Usage


class Answer(NamedTuple):
    """What a model call gave back. Empty where nothing was said."""

    choices: tuple[Choice, ...] = ()
    model: str | None = None
    response_id: str | None = None
    previous_response_id: str | None = None
    usage: Usage | None = None
    prompt_tokens: Tokens | None = None
    cut: Cut | None = None
    unread: tuple[str, ...] = ()


NO_ANSWER: Final = "no answer of a model in any known form"


def read_answer(value: object) -> Answer:
    """The answer that ``value`` is: a provider's response, a message, a list of them, or a text.

    Several messages are several choices where each could stand alone; an answer that came in several messages
    (parallel calls, reasoning apart) is joined into one. What is no answer gives no choice, and says why in ``unread``.

        read_answer({"choices": [{"message": {"role": "assistant", "content": "Hi."}}]}).choices[0].message.text
    """
    if isinstance(value, JsonText) and value.valid:
        value = value.value
    if isinstance(value, dict):
        return _of_object(value)
    read = read_messages(value, role="assistant")
    return Answer(choices_of(read.items, _finishes(value)), cut=read.cut)


def _of_object(value: Mapping[str, Any]) -> Answer:
    choices = value.get("choices")
    usage = read_usage(value.get("usage"))
    if isinstance(choices, list):
        found = tuple(_choice(one, number) for number, one in enumerate(choices) if isinstance(one, dict))
        return Answer(
            tuple(one for one in found if one is not None), _model(value), sharing.text(value, "id"), usage=usage
        )
    if is_message(value):
        reason = sharing.text(value, "finish_reason", "stop_reason", "done_reason")
        message = joined(read_message(dict(value), "assistant"))
        response_id = sharing.text(value, "id") if usage is not None else None
        return Answer((Choice(message, reason),), _model(value), response_id, usage=usage)
    return Answer(model=_model(value), usage=usage, unread=(NO_ANSWER,))


def _choice(value: Mapping[str, Any], number: int) -> Choice | None:
    held = value.get("message", value.get("delta"))
    reason = sharing.text(value, "finish_reason")
    index = value.get("index")
    index = index if isinstance(index, int) and not isinstance(index, bool) else number
    if isinstance(held, dict):
        return Choice(joined(read_message({"role": "assistant", **held}, "assistant")), reason, index=index)
    said = value.get("text")
    return Choice(read_message(said, "assistant")[0], reason, index=index) if isinstance(said, str) else None


def choices_of(messages: Sequence[Message], reasons: Sequence[str | None] = ()) -> tuple[Choice, ...]:
    """The answers that output messages are: each one, unless they only make an answer together."""
    known = [*reasons, *[None] * (len(messages) - len(reasons))]
    if len(messages) > 1 and not all(known) and not all(_stands_alone(one) for one in messages):
        return (Choice(joined(messages), next((one for one in reversed(known) if one), None)),)
    return tuple(Choice(one, known[number], index=number) for number, one in enumerate(messages))


def _stands_alone(message: Message) -> bool:
    return message.role == "assistant" and bool(message.text) and not message.tool_calls


def joined(messages: Sequence[Message]) -> Message:
    """One message of several that are one answer."""
    if len(messages) == 1:
        return messages[0]
    marks = [one.unread for one in messages if one.unread is not None]
    parts = tuple(part for one in messages for part in one.parts)
    return Message("assistant", parts, unread=marks[0] if marks else None, cut_bytes=sum(o.cut_bytes for o in messages))


def _finishes(value: object) -> list[str | None]:
    listed = value if isinstance(value, list) else [value]
    return [sharing.text(one, "finish_reason") if isinstance(one, dict) else None for one in listed]


def _model(value: Mapping[str, Any]) -> str | None:
    return sharing.text(value, "model", "modelVersion", "model_version", "modelId", "model_name")

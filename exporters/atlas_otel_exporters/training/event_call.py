"""START and END of a model call, as the projection writes them into events → :class:`ModelCall`. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from atlas_otel.calls.answer import Answer
from atlas_otel.calls.answers import read_answer
from atlas_otel.calls.attributes import with_tokens
from atlas_otel.calls.marks import is_described
from atlas_otel.calls.messages import Messages, is_message, read_messages
from atlas_otel.calls.model_call import Choice, Message, ModelCall, Tokens
from atlas_otel.calls.parts import read_parts
from atlas_otel.calls.request import read_request
from atlas_otel.calls.tools import read_tools
from atlas_otel.calls.usage import read_usage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_otel.calls.model_call import Place, Usage
    from atlas_otel.models.json_types import JsonObject, JsonValue


def model_call(start: JsonObject, end: JsonObject | None, place: Place) -> ModelCall:
    """The call that the two payloads tell of. ``end`` is None where it never ended."""
    metadata, ended = _object(start.get("metadata")), _object((end or {}).get("metadata"))
    # Where the call's arguments stand in the input, the messages are beside them.
    asked = _asked(metadata.get("chat_inputs") or _object(start.get("data")).get("input"))
    messages = asked.items
    if (said := metadata.get("system_instructions")) and (not messages or messages[0].role != "system"):
        messages = (_system(said), *messages)
    output = _object((end or {}).get("data")).get("output")
    answer = _answer(output, ended.get("chat_responses"))
    reasons = ended.get("finish_reasons")
    response = _object(ended.get("response"))
    call = ModelCall(
        messages=messages,
        choices=_choices(answer.choices, reasons if isinstance(reasons, list) else [], _object(output)),
        tools=read_tools(metadata.get("tools_schema")),
        request_model=_text(metadata.get("model")),
        response_model=answer.model or _text(response.get("model")),
        response_id=answer.response_id or _text(response.get("id")),
        previous_response_id=answer.previous_response_id or _text(response.get("previous_id")),
        provider=_text(metadata.get("provider")),
        usage=answer.usage or _usage(end or {}, _object(ended.get("token_details"))),
        prompt_tokens=answer.prompt_tokens or _tokens(_object(output).get("prompt_token_ids"), None),
        cut=asked.cut or answer.cut,
        unread=answer.unread if not answer.choices and end is not None and "error" not in ended else (),
        place=place,
    )
    return call if "tokens" not in response else with_tokens(call, response["tokens"])


def _usage(end: JsonObject, details: JsonObject) -> Usage | None:
    """The use of tokens, with what the metadata says of which kind some of them were."""
    usage = read_usage(end.get("usage_info"))
    if usage is None or not details:
        return usage
    kinds = {"cache_read": "cached_tokens", "cache_write": "cache_write_tokens", "reasoning": "reasoning_tokens"}
    said = {field: number for key, field in kinds.items() if isinstance(number := details.get(key), int)}
    return replace(usage, **said)


def _asked(given: JsonValue) -> Messages:
    """Messages as the projection wrote them; of a call's arguments as they came, those that are among them."""
    if isinstance(given, dict) and not is_message(given):
        request = read_request(given)
        return Messages(request.messages, request.cut)
    return read_messages(given)


def _system(said: JsonValue) -> Message:
    parts = said if isinstance(said, list) else [said]
    return Message("system", tuple(part for one in parts for part in read_parts(one)), apart=True)


def _answer(output: JsonValue, responses: JsonValue) -> Answer:
    """What both the raw answer and the one in the conventions' form say. The latter's choices stand where it has any:
    the database reorders the keys of the raw one's arguments."""
    described = isinstance(output, str) and is_described(output)
    raw = read_answer(output) if output is not None and not described else Answer()
    read = read_answer(responses)
    if not read.choices or len(read.choices) < len(raw.choices):  # several choices read as one answer in parts
        return raw
    tokens = [choice.tokens for choice in raw.choices]
    choices = tuple(
        replace(choice, tokens=choice.tokens or (tokens[number] if number < len(tokens) else None))
        for number, choice in enumerate(read.choices)
    )
    return raw._replace(choices=choices, unread=(), cut=raw.cut or read.cut)


def _choices(choices: tuple[Choice, ...], reasons: list[JsonValue], raw: JsonObject) -> tuple[Choice, ...]:
    """The choices, with finish reasons and token ids that stand beside them."""
    given = raw.get("choices")
    held = given if isinstance(given, list) else []
    return tuple(
        Choice(
            one.message,
            one.finish_reason or (_text(reasons[number]) if number < len(reasons) else None),
            one.tokens or (_choice_tokens(_object(held[number])) if number < len(held) else None),
            one.index,
        )
        for number, one in enumerate(choices)
    )


def _choice_tokens(choice: Mapping[str, JsonValue]) -> Tokens | None:
    """vLLM's ``token_ids`` (``return_token_ids``), OpenAI's ``logprobs``."""
    content = _object(choice.get("logprobs")).get("content")
    return _tokens(choice.get("token_ids"), content if isinstance(content, list) else None)


def _tokens(ids: JsonValue, content: list[JsonValue] | None) -> Tokens | None:
    read = tuple(one for one in ids if type(one) is int) if isinstance(ids, list) else ()
    known = read if read and isinstance(ids, list) and len(read) == len(ids) else None
    logprobs = None if content is None else tuple(_number(_object(one).get("logprob")) for one in content)
    return None if known is None and not logprobs else Tokens(known, logprobs or None)


def _number(value: JsonValue) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) and value else None


def _object(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}

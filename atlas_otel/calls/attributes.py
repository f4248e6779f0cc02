"""A :class:`~atlas_otel.calls.model_call.ModelCall` as span attributes, and back. Pure.

The names are the GenAI conventions' where they have one, so that a trace viewer shows the call; structures are JSON
text.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from atlas_otel import semconv
from atlas_otel.calls.answers import read_answer
from atlas_otel.calls.messages import read_messages
from atlas_otel.calls.model_call import Message, ModelCall, Place, Tokens, Usage
from atlas_otel.calls.parts import read_parts
from atlas_otel.calls.tools import read_tools
from atlas_otel.calls.usage import number
from atlas_otel.calls.writing import write_choices, write_messages, write_part, write_tools
from atlas_otel.records.json_text import JsonText, dump

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_otel.models.json_types import JsonObject
    from atlas_otel.records.record import AttributeValue

USAGE: Final[Mapping[str, str]] = {
    "input_tokens": semconv.GEN_AI_USAGE_INPUT_TOKENS,
    "output_tokens": semconv.GEN_AI_USAGE_OUTPUT_TOKENS,
    "total_tokens": semconv.GEN_AI_USAGE_TOTAL_TOKENS,
    "cached_tokens": semconv.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
    "cache_write_tokens": semconv.GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS,
    "reasoning_tokens": semconv.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
}
"""Field of a usage → its attribute."""
_TEXTS: Final[Mapping[str, str]] = {
    "provider": semconv.GEN_AI_PROVIDER_NAME,
    "request_model": semconv.GEN_AI_REQUEST_MODEL,
    "response_model": semconv.GEN_AI_RESPONSE_MODEL,
    "response_id": semconv.GEN_AI_RESPONSE_ID,
    "previous_response_id": semconv.ATLAS_LLM_PREVIOUS_RESPONSE_ID,
}


def to_attributes(call: ModelCall) -> dict[str, AttributeValue]:
    """The call as attributes; nothing for what is not known. Its ``place.span`` is the span's own id."""
    found: dict[str, AttributeValue] = {}
    apart = bool(call.messages) and call.messages[0].apart
    messages = call.messages[1:] if apart else call.messages
    if apart:
        found[semconv.GEN_AI_SYSTEM_INSTRUCTIONS] = dump([write_part(one) for one in call.messages[0].parts])
    if messages or call.cut is not None:
        found[semconv.GEN_AI_INPUT_MESSAGES] = dump(write_messages(messages, call.cut))
    if call.choices:
        found[semconv.GEN_AI_OUTPUT_MESSAGES] = dump(write_choices(call.choices))
        reasons = [choice.finish_reason for choice in call.choices if choice.finish_reason is not None]
        if reasons:
            found[semconv.GEN_AI_RESPONSE_FINISH_REASONS] = reasons
    if call.tools:
        found[semconv.GEN_AI_TOOL_DEFINITIONS] = dump(write_tools(call.tools))
    if call.parameters:
        found[semconv.ATLAS_LLM_PARAMETERS] = dump(call.parameters)
    for field, key in _TEXTS.items():
        if (text := getattr(call, field)) is not None:
            found[key] = text
    if call.usage is not None:
        for field, key in USAGE.items():
            if (count := getattr(call.usage, field)) is not None:
                found[key] = count
    if call.unread:
        found[semconv.ATLAS_LLM_UNREAD] = list(call.unread)
    if tokens := tokens_json(call):
        found[semconv.ATLAS_LLM_TOKENS] = dump(tokens)
    return {**found, **_place(call.place)}


def from_attributes(attributes: Mapping[str, Any], *, span: str | None = None) -> ModelCall:
    """The call that attributes of ours hold; ``span`` is the id of the span that has them."""
    messages = read_messages(_json(attributes, semconv.GEN_AI_INPUT_MESSAGES))
    system = read_parts(_value(attributes, semconv.GEN_AI_SYSTEM_INSTRUCTIONS))
    apart = (Message("system", system, apart=True),) if system else ()
    answer = read_answer(_json(attributes, semconv.GEN_AI_OUTPUT_MESSAGES))
    parameters = _value(attributes, semconv.ATLAS_LLM_PARAMETERS)
    tokens = _value(attributes, semconv.ATLAS_LLM_TOKENS)
    usage = Usage(**{field: number(attributes, key) for field, key in USAGE.items()})
    call = ModelCall(
        messages=apart + messages.items,
        choices=answer.choices,
        tools=read_tools(_json(attributes, semconv.GEN_AI_TOOL_DEFINITIONS)),
        parameters=parameters if isinstance(parameters, dict) else {},
        provider=_text(attributes, _TEXTS["provider"]),
        request_model=_text(attributes, _TEXTS["request_model"]),
        response_model=_text(attributes, _TEXTS["response_model"]),
        response_id=_text(attributes, _TEXTS["response_id"]),
        previous_response_id=_text(attributes, _TEXTS["previous_response_id"]),
        usage=None if usage == Usage() else usage,
        cut=messages.cut,
        unread=_texts(attributes.get(semconv.ATLAS_LLM_UNREAD)),
        place=Place(
            session=_text(attributes, semconv.ATLAS_SESSION_ID),
            step=number(attributes, semconv.ATLAS_STEP_ID),
            attempt=number(attributes, semconv.ATLAS_STEP_ATTEMPT),
            span=span,
            actor=_text(attributes, semconv.ATLAS_ACTOR),
            agent=_text(attributes, semconv.GEN_AI_AGENT_NAME),
        ),
    )
    return with_tokens(call, tokens)


def tokens_json(call: ModelCall) -> JsonObject:
    """The call's token ids and logprobs as JSON; empty where a server gave none."""
    choices = [_tokens_json(choice.tokens) for choice in call.choices]
    found: JsonObject = {}
    if call.prompt_tokens is not None:
        found["prompt"] = _tokens_json(call.prompt_tokens)
    if any(one is not None for one in choices):
        found["choices"] = choices  # type: ignore[assignment]
    return found


def with_tokens(call: ModelCall, value: object) -> ModelCall:
    """The call with the tokens that :func:`tokens_json` wrote."""
    if not isinstance(value, dict):
        return call
    held = value.get("choices")
    listed = held if isinstance(held, list) else []
    choices = tuple(
        replace(choice, tokens=_tokens(listed[number])) if number < len(listed) else choice
        for number, choice in enumerate(call.choices)
    )
    return replace(call, choices=choices, prompt_tokens=_tokens(value.get("prompt")))


def _tokens_json(tokens: Tokens | None) -> JsonObject | None:
    if tokens is None:
        return None
    lists = (("ids", tokens.ids), ("logprobs", tokens.logprobs), ("texts", tokens.texts))
    return {name: list(held) for name, held in lists if held is not None}


def _tokens(value: object) -> Tokens | None:
    if not isinstance(value, dict):
        return None
    lists = {name: tuple(held) for name in ("ids", "logprobs", "texts") if isinstance(held := value.get(name), list)}
    return Tokens(**lists)


def _place(place: Place) -> dict[str, AttributeValue]:
    named: tuple[tuple[str, AttributeValue | None], ...] = (
        (semconv.ATLAS_SESSION_ID, place.session),
        (semconv.ATLAS_STEP_ID, place.step),
        (semconv.ATLAS_STEP_ATTEMPT, place.attempt),
        (semconv.ATLAS_ACTOR, place.actor),
        (semconv.GEN_AI_AGENT_NAME, place.agent),
    )
    return {key: value for key, value in named if value is not None}


def _json(attributes: Mapping[str, Any], key: str) -> object:
    value = attributes.get(key)
    return JsonText(value) if isinstance(value, str) else value


def _value(attributes: Mapping[str, Any], key: str) -> Any:
    value = _json(attributes, key)
    return value.value if isinstance(value, JsonText) else value


def _text(attributes: Mapping[str, Any], key: str) -> str | None:
    value = attributes.get(key)
    return value if isinstance(value, str) and value else None


def _texts(value: object) -> tuple[str, ...]:
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, (list, tuple)) else ()

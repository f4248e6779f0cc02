"""What goes onto the span of a model call, out of what it was called with and what it gave back. Pure.

Both as JSON, to be captured: messages and tools in the GenAI conventions' form, for trace viewers and for the
projection. What is taken out of the arguments is taken whole: nothing of it is lost that is not in the messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from atlas_otel import semconv
from atlas_otel.calls.attributes import USAGE, tokens_json
from atlas_otel.calls.model_call import ModelCall
from atlas_otel.calls.request import read_request, without
from atlas_otel.calls.writing import write_choices, write_messages, write_part, write_tools

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_otel.calls.answer import Answer
    from atlas_otel.models.json_types import JsonObject

_SIMPLE: Final = frozenset({"role", "content"})
_ROLES: Final = frozenset({"system", "user", "assistant"})


class Asked(NamedTuple):
    """What a model was given. ``structures`` are content, by attribute; ``facts`` name models and ids."""

    structures: dict[str, Any]
    facts: dict[str, str]
    rest: Mapping[str, Any]
    """The arguments without what is in ``structures``."""


def describe_request(arguments: Mapping[str, Any]) -> Asked:
    """The attributes that arguments (JSON, by name) come to."""
    messages = arguments.get("messages")
    if "messages" in arguments and len(arguments) == 1 and (simple := _simple(messages)) is not None:
        return Asked({semconv.GEN_AI_INPUT_MESSAGES: simple}, {}, {})
    request = read_request(arguments)
    structures: dict[str, Any] = {}
    apart = [part for one in request.messages if one.apart for part in one.parts]
    said = [one for one in request.messages if not one.apart]
    if said:
        structures[semconv.GEN_AI_INPUT_MESSAGES] = write_messages(said, request.cut)
    if apart:
        structures[semconv.GEN_AI_SYSTEM_INSTRUCTIONS] = [write_part(part) for part in apart]
    if request.tools:
        structures[semconv.GEN_AI_TOOL_DEFINITIONS] = write_tools(request.tools)
    facts = {}
    if request.model is not None:
        facts[semconv.GEN_AI_REQUEST_MODEL] = request.model
    if request.previous_response_id is not None:
        facts[semconv.ATLAS_LLM_PREVIOUS_RESPONSE_ID] = request.previous_response_id
    return Asked(structures, facts, without(arguments, request.taken))


def _simple(messages: object) -> list[JsonObject] | None:
    """Messages that only say a text, which most are, without the way through the reader."""
    if type(messages) is not list:
        return None
    found: list[JsonObject] = []
    for one in messages:
        if type(one) is not dict or one.keys() != _SIMPLE or type(one["content"]) is not str:
            return None
        if one["role"] not in _ROLES:
            return None
        found.append({"role": one["role"], "parts": [{"type": "text", "content": one["content"]}]})
    return found or None


class Answered(NamedTuple):
    """What a model gave back, in the same way."""

    structures: dict[str, Any]
    facts: dict[str, Any]


def describe_answer(answer: Answer) -> Answered:
    """The attributes that an answer comes to; nothing for what it does not say."""
    structures: dict[str, Any] = {}
    if answer.choices:
        structures[semconv.GEN_AI_OUTPUT_MESSAGES] = write_choices(answer.choices)
    if tokens := tokens_json(ModelCall(choices=answer.choices, prompt_tokens=answer.prompt_tokens)):
        structures[semconv.ATLAS_LLM_TOKENS] = tokens
    reasons = [choice.finish_reason for choice in answer.choices if choice.finish_reason is not None]
    facts: dict[str, Any] = {
        semconv.GEN_AI_RESPONSE_MODEL: answer.model,
        semconv.GEN_AI_RESPONSE_ID: answer.response_id,
        semconv.ATLAS_LLM_PREVIOUS_RESPONSE_ID: answer.previous_response_id,
        semconv.GEN_AI_RESPONSE_FINISH_REASONS: reasons or None,
    }
    if answer.usage is not None:
        facts |= {key: getattr(answer.usage, field) for field, key in USAGE.items()}
    return Answered(structures, {key: value for key, value in facts.items() if value is not None})

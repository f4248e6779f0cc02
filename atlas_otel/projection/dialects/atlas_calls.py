"""A decorated model call, read once more from what it was called with and what it gave back.

Beside the raw values a span has what the readers of its day made of them. A reader that has learnt since reads more,
and a rebuild mends the session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel import semconv
from atlas_otel.calls.answers import read_answer
from atlas_otel.calls.describing import describe_request
from atlas_otel.calls.model_call import Text, Unknown
from atlas_otel.calls.usage import number
from atlas_otel.calls.writing import write_choices
from atlas_otel.records.json_text import JsonText, dump

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atlas_otel.calls.model_call import Choice, Usage

_FACTS: Final[Mapping[str, str]] = {
    semconv.GEN_AI_INPUT_MESSAGES: "input_messages",
    semconv.GEN_AI_SYSTEM_INSTRUCTIONS: "system_instructions",
    semconv.GEN_AI_TOOL_DEFINITIONS: "tool_definitions",
}
_USAGE: Final = (
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)


def read_again(fields: dict[str, Any]) -> None:
    """Complete ``fields`` from the raw input and output among them. What the span states is only ever added to."""
    given, came = fields.get("input"), fields.get("output")
    if isinstance(given, JsonText) and isinstance(given.value, dict):
        _read_input(fields, given.value)
    if isinstance(came, JsonText) and isinstance(came.value, (dict, list)):
        _read_output(fields, came.value)


def _read_input(fields: dict[str, Any], value: dict[str, Any]) -> None:
    asked = describe_request(value)
    found = {_FACTS[key]: structure for key, structure in asked.structures.items()}
    new = {fact: structure for fact, structure in found.items() if fact not in fields}
    for fact, structure in new.items():
        fields[fact] = JsonText(dump(structure))
    if new and len(new) == len(found):
        rest = dict(asked.rest)
        fields["input"] = JsonText(dump(rest))
        if not rest:
            del fields["input"]


def _read_output(fields: dict[str, Any], value: Any) -> None:
    answer = read_answer(value)
    known = read_answer(fields.get("output_messages")).choices
    if _fullness(answer.choices) > _fullness(known):
        fields["output_messages"] = JsonText(dump(write_choices(answer.choices)))
    if answer.usage is not None:
        _read_usage(fields, answer.usage, value)
    for fact, said in (("response_model", answer.model), ("response_id", answer.response_id)):
        if said is not None:
            fields.setdefault(fact, said)
    reasons = tuple(one.finish_reason for one in answer.choices if one.finish_reason is not None)
    if reasons:
        fields.setdefault("finish_reasons", reasons)


def _fullness(choices: Sequence[Choice]) -> int:
    """How many parts say something."""
    parts = [part for choice in choices for part in choice.message.parts]
    return sum(1 for part in parts if not isinstance(part, Unknown) and part != Text(""))


def _read_usage(fields: dict[str, Any], usage: Usage, value: Any) -> None:
    """The counts that are missing; and the whole input, where the span states the part that Anthropic calls so."""
    counted = value.get("usage") if isinstance(value, dict) else None
    bare = number(counted, "input_tokens") if isinstance(counted, dict) else None
    if bare is not None and fields.get("input_tokens") == bare and usage.input_tokens is not None:
        fields["input_tokens"] = usage.input_tokens
    for name in _USAGE:
        if (count := getattr(usage, name)) is not None:
            fields.setdefault(name, count)

"""What a decorated model call's span says of the call: what went in, what came out, in the GenAI conventions' form.

The readers are those of ``calls``; they are loaded with the first model call, not with the package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atlas_otel import semconv
from atlas_otel.capture.capture import with_types
from atlas_otel.capture.normalise import is_plain, to_tree
from atlas_otel.records.utf8 import keep

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_otel.records.record import AttributeValue
    from atlas_otel.tracing import state
    from atlas_otel.tracing.active_span import ActiveSpan

_READ_BYTES = 16 * 1024 * 1024
"""How much of a call's arguments or answer is read, where it is not of plain built-in types."""


def describe_request(
    parts: state.Instrumentation, arguments: Mapping[str, Any], attributes: dict[str, AttributeValue]
) -> tuple[Mapping[str, Any], int, tuple[str, ...]]:
    """Put messages, system text and tools among ``attributes``; give back what else the call was given, how many bytes
    bounding took, and the types of which only the name is kept."""
    if not parts.capture.content or not arguments:
        return arguments, 0, ()
    from atlas_otel.calls import describing

    tree, described = _json(dict(arguments))
    if not isinstance(tree, dict):
        return arguments, 0, ()
    asked = describing.describe_request(tree)
    truncated = _put(parts, asked.structures, attributes)
    if asked.facts:
        missing = {key: value for key, value in asked.facts.items() if key not in attributes}
        attributes.update(parts.capture.facts(missing))
    return (asked.rest, truncated, described) if asked.structures else (arguments, truncated, ())


def describe_answer(active: ActiveSpan, result: object) -> object:
    """Put what the model's answer says of itself on the span; what is to be kept as its output comes back."""
    if result is None:
        return result
    from atlas_otel.calls import describing
    from atlas_otel.calls.answers import read_answer

    tree, _ = _json(result)
    if isinstance(tree, str) and not issubclass(type(result), str):  # ``isinstance`` would run a stranger's code
        return result  # an object that could only be described: nobody said that
    said = describing.describe_answer(read_answer(tree))
    capture = active.instrumentation.capture
    structures, kept = said.structures, result
    if capture.redacts and semconv.ATLAS_LLM_TOKENS in structures:
        # What was redacted in the text could be read from its tokens.
        structures = {key: value for key, value in structures.items() if key != semconv.ATLAS_LLM_TOKENS}
        kept = _without_tokens(tree)
    found: dict[str, AttributeValue] = {}
    truncated = _put(active.instrumentation, structures, found)
    facts = {key: value for key, value in said.facts.items() if key not in active.attributes}
    for key, value in (*found.items(), *capture.facts(facts).items()):
        active.set(key, value)
    if truncated:
        held = active.attributes.get(semconv.ATLAS_TRUNCATED)
        active.set(semconv.ATLAS_TRUNCATED, truncated + (held if isinstance(held, int) else 0))
    return kept


def join_stream(items: list[Any]) -> object | None:
    """The answer that a stream's pieces come to; None where they are of no known form."""
    from atlas_otel.calls import streams

    tree, described = _json(items)
    if described or not isinstance(tree, list):
        return None
    return streams.join_stream(tree)


def _put(parts: state.Instrumentation, structures: Mapping[str, Any], attributes: dict[str, AttributeValue]) -> int:
    truncated = 0
    for key, value in structures.items():
        of_messages = key in (semconv.GEN_AI_INPUT_MESSAGES, semconv.GEN_AI_OUTPUT_MESSAGES)
        captured = parts.capture.messages(value, key) if of_messages else parts.capture.value(value, key)
        if captured is not None:
            attributes[key] = keep(captured.data, parts.utf8_over)
            truncated += captured.truncated
            if captured.described:
                known = attributes.get(semconv.ATLAS_DESCRIBED)
                attributes[semconv.ATLAS_DESCRIBED] = with_types(known, captured.described)
    return truncated


def _json(value: object) -> tuple[Any, tuple[str, ...]]:
    """The value as JSON, and the types in it of which only the name could be kept."""
    if is_plain(value):
        return value, ()
    read = to_tree(value, budget=_READ_BYTES)
    return read.tree, read.described


_TOKEN_KEYS = frozenset({"token_ids", "prompt_token_ids", "logprobs", "prompt_logprobs", "meta_info", "output_ids"})


def _without_tokens(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _without_tokens(value) for key, value in tree.items() if key not in _TOKEN_KEYS}
    return [_without_tokens(one) for one in tree] if isinstance(tree, list) else tree

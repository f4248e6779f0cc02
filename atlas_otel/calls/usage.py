"""Token counts in any provider's form → :class:`~atlas_otel.calls.model_call.Usage`. Pure; never raises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel.calls.model_call import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping

_INPUT: Final = (
    "input_tokens", "prompt_tokens", "promptTokenCount", "prompt_token_count", "inputTokens", "promptTokens",
    "prompt_eval_count", "inputTokenCount",
)  # fmt: skip
_OUTPUT: Final = (
    "output_tokens", "completion_tokens", "candidatesTokenCount", "candidates_token_count", "outputTokens",
    "completionTokens", "eval_count", "outputTokenCount",
)  # fmt: skip
_TOTAL: Final = ("total_tokens", "totalTokenCount", "total_token_count", "totalTokens")
_CACHED: Final = (
    "cached_tokens", "cache_read_input_tokens", "cachedContentTokenCount", "cached_content_token_count",
    "cacheReadInputTokens", "cachedInputTokens", "cache_read", "prompt_cache_hit_tokens", "cacheReadTokens",
)  # fmt: skip
_WRITTEN: Final = (
    "cache_creation_input_tokens", "cache_write_input_tokens", "cacheWriteInputTokens", "cache_creation",
    "cache_write_tokens", "cacheWriteTokens",
)  # fmt: skip
_REASONING: Final = (
    "reasoning_tokens", "thoughtsTokenCount", "thoughts_token_count", "reasoningTokens", "reasoning",
)  # fmt: skip
_INPUT_DETAILS: Final = ("prompt_tokens_details", "input_tokens_details", "input_token_details", "inputTokenDetails")
_OUTPUT_DETAILS: Final = (
    "completion_tokens_details", "output_tokens_details", "output_token_details", "outputTokenDetails",
)  # fmt: skip
_BESIDE: Final = frozenset({"cache_read_input_tokens", "cache_creation_input_tokens"})
"""Anthropic counts these beside its input; everybody else in it. Bedrock does as Anthropic, in camel case."""
_BESIDE_CAMEL: Final = frozenset({"cacheReadInputTokens", "cacheWriteInputTokens"})


def read_usage(value: object) -> Usage | None:
    """The counts in a usage object; None where there are none.

    ``input_tokens`` is the whole input: what Anthropic and Bedrock count beside it (read from a cache, written to one)
    is added, what Gemini counts beside its output (thoughts) is too. A float that is whole counts as a number.
    """
    if not isinstance(value, dict):
        return None
    into, out = _object(value, _INPUT_DETAILS), _object(value, _OUTPUT_DETAILS)
    given, came = number(value, *_INPUT), number(value, *_OUTPUT)
    total = number(value, *_TOTAL)
    cached = number(into, *_CACHED) if into else None
    written = number(into, *_WRITTEN) if into else None
    reasoned = number(out, *_REASONING) if out else None
    cached = number(value, *_CACHED) if cached is None else cached
    written = number(value, *_WRITTEN) if written is None else written
    reasoned = number(value, *_REASONING) if reasoned is None else reasoned
    if given is not None and not into and _counts_beside(value):
        beside = (cached or 0) + (written or 0)
        if total is None or total != given + (came or 0):
            given += beside
    thoughts = number(value, "thoughtsTokenCount", "thoughts_token_count")
    if came is not None and thoughts is not None:
        came += thoughts
    usage = Usage(given, came, total, cached, written, reasoned)
    return None if usage == _NOTHING else usage


_NOTHING: Final = Usage()


def _counts_beside(value: Mapping[str, Any]) -> bool:
    if "prompt_tokens" in value:
        return False
    return not _BESIDE.isdisjoint(value) or not _BESIDE_CAMEL.isdisjoint(value)


def _object(value: Mapping[str, Any], keys: tuple[str, ...]) -> Mapping[str, Any]:
    return next((value[key] for key in keys if isinstance(value.get(key), dict)), {})


def number(value: Mapping[str, Any], *keys: str) -> int | None:
    """The first of these keys that holds a whole number from 0 on: a number, or digits."""
    for key in keys:
        held: Any = value.get(key)
        whole = isinstance(held, float) and held.is_integer()
        if whole or (isinstance(held, str) and held.isascii() and held.isdigit() and len(held) < 19):
            held = int(held)
        if isinstance(held, int) and not isinstance(held, bool) and held >= 0:
            return held
    return None

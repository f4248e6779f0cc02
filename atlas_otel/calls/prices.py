"""What a model call cost, by its provider's list prices (the extra ``cost``: genai-prices, whose data come with it).

The library takes a moment to load: nothing here runs on a thread of the agent's. Without the extra nothing is priced.
"""

from __future__ import annotations

from datetime import datetime, timezone
from functools import cache, lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_PROVIDERS: Final[Mapping[str, str]] = {
    "aws.bedrock": "aws",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "az.ai.openai": "azure",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "gemini": "google",
    "mistral_ai": "mistral",
    "x_ai": "x-ai",
    "xai": "x-ai",
}
"""Providers as the GenAI conventions (and config files) name them, as the package does."""
_DAY_NS: Final = 86_400 * 10**9


class Spent(NamedTuple):
    """What a model call used. Cached tokens are part of ``input_tokens``."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


@cache
def available() -> bool:
    """Whether prices are installed."""
    return find_spec("genai_prices") is not None


def cost_usd(model: str | None, provider: str | None, spent: Spent, time_ns: int) -> float | None:
    """The price in US dollars of a call at that time (Unix nanoseconds); None where it is not known.

    A provider that the package does not know is not guessed at: a model of the same name may cost something else there.
    """
    if not model or not available() or (spent.input_tokens is None and spent.output_tokens is None):
        return None
    return _cost(model, provider, spent, time_ns // _DAY_NS)


@lru_cache(maxsize=4_096)
def _cost(model: str, provider: str | None, spent: Spent, day: int) -> float | None:
    from genai_prices import calc_price

    usage = _usage(spent)
    when = datetime.fromtimestamp(day * 86_400, timezone.utc)
    asked = _PROVIDERS.get(provider.lower(), provider.lower()) if provider else None
    try:
        return float(calc_price(usage, model, provider_id=asked, genai_request_timestamp=when).total_price)
    except (LookupError, ValueError, TypeError, ArithmeticError):  # neither model nor provider is known, or odd counts
        return None


def _usage(spent: Spent) -> Any:
    from genai_prices import Usage

    return Usage(
        input_tokens=spent.input_tokens,
        output_tokens=spent.output_tokens,
        cache_read_tokens=spent.cached_tokens,
        cache_write_tokens=spent.cache_write_tokens,
    )

"""Spans that look like a model call and that no dialect knows: kept as they are, and counted by who wrote them.

Pure, and light: a program that records asks it for every span of others.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from atlas_otel import semconv

if TYPE_CHECKING:
    from collections.abc import Iterable

KNOWN_PREFIXES: Final = (
    semconv.GEN_AI_PREFIX,
    semconv.LLM_PREFIX,
    semconv.OPENINFERENCE_PREFIX,
    semconv.TRACELOOP_PREFIX,
    semconv.LANGFUSE_PREFIX,
    semconv.MLFLOW_PREFIX,
    semconv.VERCEL_PREFIX,
    semconv.ADK_PREFIX,
    semconv.HAYSTACK_PREFIX,
    semconv.SPRING_PREFIX,
    semconv.LOGFIRE_REQUEST,
    semconv.ATLAS_KIND.removesuffix("kind"),
)
"""How attributes begin that a dialect reads."""
_MODEL: Final = re.compile(r"(?:^|[._])(?:llm_)?model(?:$|[._]?(?:name|id)$)", re.IGNORECASE)
_CALL: Final = re.compile(
    r"(?:^|[._])(?:(?:prompt|completion|input|output|total)_?tokens?|tokens?[._](?:prompt|completion|input|output|total)"
    r"|messages|prompts?|completions?|choices)(?:$|[._])",
    re.IGNORECASE,
)


def is_known(keys: Iterable[str]) -> bool:
    """Whether a dialect reads any attribute of these names."""
    return any(key.startswith(KNOWN_PREFIXES) for key in keys)


def looks_like_a_call(keys: Iterable[str]) -> bool:
    """Whether attributes of these names are a model's, and what it was given, gave back or used."""
    listed = list(keys)
    return any(map(_MODEL.search, listed)) and any(map(_CALL.search, listed))


def is_unread(keys: Iterable[str]) -> bool:
    """Whether a span with attributes of these names looks like a model call in a form that no dialect reads."""
    listed = list(keys)
    return not is_known(listed) and looks_like_a_call(listed)


def cause_of(scope: str) -> str:
    """Under which cause such a span of this scope is counted (``delivery.causes``)."""
    return f"not_understood {scope or '(none)'}"

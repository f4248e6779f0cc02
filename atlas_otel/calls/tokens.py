"""Token ids and logprobs where a server gives them: OpenAI's ``logprobs``, vLLM's and SGLang's ids. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel.calls.model_call import Tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

_AS_ID: Final = "token_id:"
"""How vLLM writes a token under ``return_tokens_as_token_ids``."""


def completion_tokens(choice: Mapping[str, Any]) -> Tokens | None:
    """The tokens of a choice: ``token_ids`` (vLLM with ``return_token_ids``), ``logprobs.content`` (chat completions),
    ``logprobs.{tokens, token_logprobs}`` (completions), ``meta_info`` (SGLang)."""
    ids = _ids(choice.get("token_ids"))
    logprobs = choice.get("logprobs")
    found = _of_logprobs(logprobs) if isinstance(logprobs, dict) else None
    if found is None and isinstance(choice.get("meta_info"), dict):
        found = _of_triples(choice["meta_info"].get("output_token_logprobs"))
    if found is None:
        return None if ids is None else Tokens(ids)
    if ids is not None and len(ids) == len(found.logprobs or ids):
        return Tokens(ids, found.logprobs, found.texts)
    return found if ids is None else Tokens(ids)


def prompt_tokens(answer: Mapping[str, Any]) -> Tokens | None:
    """The prompt's tokens: ``prompt_token_ids`` (vLLM), of the answer or its first choice; ``meta_info`` (SGLang)."""
    choices = answer.get("choices")
    first = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    for held in (answer, first):
        if (ids := _ids(held.get("prompt_token_ids"))) is not None:
            return Tokens(ids)
        if isinstance(held.get("meta_info"), dict):
            found = _of_triples(held["meta_info"].get("input_token_logprobs"))
            if found is not None:
                return found
    return None


def _ids(value: Any) -> tuple[int, ...] | None:
    if not isinstance(value, list) or not value:
        return None
    whole = all(isinstance(one, int) and not isinstance(one, bool) for one in value)
    return tuple(value) if whole else None


def _of_logprobs(value: Mapping[str, Any]) -> Tokens | None:
    content = value.get("content")
    if isinstance(content, list) and content and all(isinstance(one, dict) for one in content):
        texts = tuple(one["token"] if isinstance(one.get("token"), str) else "" for one in content)
        return _tokens(texts, [one.get("logprob") for one in content])
    if isinstance(value.get("tokens"), list) and isinstance(value.get("token_logprobs"), list):
        texts = tuple(str(one) for one in value["tokens"])
        return _tokens(texts, value["token_logprobs"]) if len(texts) == len(value["token_logprobs"]) else None
    return None


def _tokens(texts: tuple[str, ...], logprobs: list[Any]) -> Tokens | None:
    if not texts:
        return None
    numbers = tuple(_logprob(one) for one in logprobs)
    if all(one.startswith(_AS_ID) and one[len(_AS_ID) :].isdigit() for one in texts):
        return Tokens(tuple(int(one[len(_AS_ID) :]) for one in texts), numbers)
    return Tokens(None, numbers, texts)


def _of_triples(value: Any) -> Tokens | None:
    """SGLang's ``[[logprob, token id, text or null], …]``."""
    if not isinstance(value, list) or not value:
        return None
    if not all(isinstance(one, list) and len(one) >= 2 and isinstance(one[1], int) for one in value):
        return None
    texts = tuple(one[2] for one in value if len(one) > 2 and isinstance(one[2], str))
    numbers = tuple(_logprob(one[0]) for one in value)
    return Tokens(tuple(one[1] for one in value), numbers, texts if len(texts) == len(value) else None)


def _logprob(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None

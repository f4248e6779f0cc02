"""The columns of each row format and their types: what Parquet shards and dataset cards say. Pure.

Messages and tools are JSON values (``Json`` of ``datasets``): each message keeps its own keys, and the arguments of two
tools need no type in common.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_otel.models.json_types import JsonObject, JsonValue

Scalar: TypeAlias = Literal["string", "int64", "float64", "bool", "json"]
Feature: TypeAlias = "Scalar | tuple[Feature] | Mapping[str, Feature]"
"""A scalar, a list (a tuple of its items' type), or a struct."""

_ORIGIN: Final[dict[str, Feature]] = {
    "session_id": "int64",
    "session_key": "string",
    "span_ids": ("string",),
    "trace_id": "string",
    "task_group": "string",
    "actor": "string",
    "agent": "string",
    "model": "string",
    "step_id": "int64",
    "attempt": "int64",
    "status": "string",
    "finish_reason": "string",
    "valid": "bool",
    "reward": "float64",
    "reward_source": "string",
    "session_reward": "float64",
    "truncated": "bool",
    "stream_incomplete": "bool",
    "unread_parts": "int64",
}
_MESSAGES: Final[Feature] = ("json",)

FEATURES: Final[Mapping[str, Mapping[str, Feature]]] = {
    "chat": {
        "messages": _MESSAGES,
        "tools": "json",
        "omitted_parts": "int64",
        "omitted_messages": "int64",
        "omitted_bytes": "int64",
        "unread": ("string",),
        "session_keys": ("string",),
        "trace_ids": ("string",),
        **_ORIGIN,
    },
    "preference": {
        "prompt": _MESSAGES,
        "chosen": _MESSAGES,
        "rejected": _MESSAGES,
        "prompt_differs": "bool",
        "rejected_prompt": _MESSAGES,
        "tools": "json",
        "pair_source": "string",
        "reward_margin": "float64",
        "guidance": ("string",),
        "chosen_attempt": "int64",
        "chosen_reward": "float64",
        "rejected_attempt": "int64",
        "rejected_reward": "float64",
        "rejected_session_key": "string",
        **_ORIGIN,
    },
    "rl": {
        "prompt": _MESSAGES,
        "completion": _MESSAGES,
        "turns": ({"by": "string", "span_id": "string", "reward": "float64", "step_reward": "float64"},),
        "tools": "json",
        "conversation": "int64",
        "conversations": "int64",
        "advantage": "float64",
        "reward_group": "string",
        **_ORIGIN,
    },
    "tokens": {
        "prompt_ids": ("int64",),
        "response_ids": ("int64",),
        "loss_mask": ("int64",),
        "logprobs": ("float64",),
        **_ORIGIN,
    },
    "verl": {
        "data_source": "string",
        "prompt": _MESSAGES,
        "ability": "string",
        "reward_model": {"style": "string", "ground_truth": "string"},
        "extra_info": {"index": "int64", "tools": "json", **_ORIGIN},
    },
    "openai": {"messages": _MESSAGES, "tools": "json", "parallel_tool_calls": "bool"},
    "openai-preference": {
        "input": "json",
        "preferred_output": _MESSAGES,
        "non_preferred_output": _MESSAGES,
    },
    "kto": {
        "prompt": _MESSAGES,
        "completion": _MESSAGES,
        "label": "bool",
        "label_source": "string",
        "tools": "json",
        **_ORIGIN,
    },
}


def card_features(features: Mapping[str, Feature]) -> list[JsonValue]:
    """The ``features`` of a dataset card's ``dataset_info``."""
    return [_card_entry(name, feature) for name, feature in features.items()]


def _card_entry(name: str, feature: Feature) -> JsonObject:
    if isinstance(feature, str):
        return {"name": name, "dtype": feature}
    if isinstance(feature, tuple):
        (item,) = feature
        if isinstance(item, str):
            return {"name": name, "list": item}
        if isinstance(item, tuple):
            return {"name": name, "list": _unnamed(item)}
        return {"name": name, "list": card_features(item)}
    return {"name": name, "struct": card_features(feature)}


def _unnamed(feature: Feature) -> JsonObject:
    entry = _card_entry("", feature)
    del entry["name"]
    return entry


def parquet_features(features: Mapping[str, Feature]) -> JsonObject:
    """The same as ``datasets`` keeps it in the schema of a Parquet file, under the key ``huggingface``."""
    return {name: _typed(feature) for name, feature in features.items()}


def _typed(feature: Feature) -> JsonObject:
    if feature == "json":
        return {"_type": "Json"}
    if isinstance(feature, str):
        return {"dtype": feature, "_type": "Value"}
    if isinstance(feature, tuple):
        return {"feature": _typed(feature[0]), "_type": "List"}
    return {name: _typed(item) for name, item in feature.items()}

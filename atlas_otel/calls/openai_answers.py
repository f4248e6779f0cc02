"""What chat completions answer, whole or as a stream's chunks, with the token ids of servers that give them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atlas_otel.calls import sharing
from atlas_otel.calls.answer import Answer, joined
from atlas_otel.calls.model_call import Choice, Message, Text
from atlas_otel.calls.openai_chat import read_message
from atlas_otel.calls.tokens import completion_tokens, prompt_tokens
from atlas_otel.calls.usage import read_usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def is_answer(value: Mapping[str, Any]) -> bool:
    """Whether a mapping is a completion."""
    return isinstance(value.get("choices"), list)


def read_answer(value: Mapping[str, Any]) -> Answer:
    """The completion's choices."""
    found = [_choice(one, number) for number, one in enumerate(value["choices"]) if isinstance(one, dict)]
    return Answer(
        tuple(one for one in found if one is not None),
        sharing.text(value, "model"),
        sharing.text(value, "id"),
        usage=read_usage(value.get("usage")),
        prompt_tokens=prompt_tokens(value),
    )


def _choice(value: Mapping[str, Any], number: int) -> Choice | None:
    held = sharing.first(value, "message", "delta")
    index = value.get("index")
    index = index if isinstance(index, int) and not isinstance(index, bool) else number
    if isinstance(held, dict):
        message = joined(read_message({"role": "assistant", **{k: v for k, v in held.items() if v is not None}}, ""))
    elif isinstance(value.get("text"), str):
        message = Message("assistant", (Text(value["text"]),))
    else:
        return None
    return Choice(message, sharing.text(value, "finish_reason"), completion_tokens(value), index)


def is_piece(value: object) -> bool:
    """Whether a stream's piece is a chunk of a completion."""
    if not isinstance(value, dict) or not isinstance(value.get("choices"), list):
        return False
    kinds = ("delta", "text")
    return all(isinstance(one, dict) and any(kind in one for kind in kinds) for one in value["choices"])


def join(pieces: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The completion that the chunks come to."""
    whole: dict[str, Any] = {}
    choices: dict[int, dict[str, Any]] = {}
    for piece in pieces:
        whole.update({key: value for key, value in piece.items() if value is not None and key != "choices"})
        for number, one in enumerate(piece["choices"]):
            index = one.get("index") if isinstance(one.get("index"), int) else number
            held = choices.setdefault(index, {"index": index, "message": {"role": "assistant"}})
            if isinstance(one.get("delta"), dict):
                _grow(held["message"], one["delta"])
            if isinstance(one.get("text"), str):
                held["text"] = held.get("text", "") + one["text"]
            if isinstance(one.get("logprobs"), dict):
                held["logprobs"] = _added(held.get("logprobs"), one["logprobs"])
            if isinstance(one.get("token_ids"), list):
                held["token_ids"] = [*held.get("token_ids", ()), *one["token_ids"]]
            if one.get("finish_reason") is not None:
                held["finish_reason"] = one["finish_reason"]
    for held in choices.values():
        if "text" in held:
            held.pop("message")
    whole["object"] = "chat.completion"
    return {**whole, "choices": [choices[number] for number in sorted(choices)]}


def _grow(message: dict[str, Any], delta: Mapping[str, Any]) -> None:
    for key, value in delta.items():
        if key == "tool_calls" and isinstance(value, list):
            calls = message.setdefault("tool_calls", [])
            for place, one in enumerate(value):
                if isinstance(one, dict):
                    _grow_call(calls, one, place)
        elif key == "function_call" and isinstance(value, dict):
            held = message.setdefault("function_call", {})
            held.update({name: (held.get(name) or "") + str(one) for name, one in value.items() if one is not None})
        elif key == "role":
            message["role"] = value or message["role"]
        elif isinstance(value, str) and isinstance(message.get(key, ""), str):
            message[key] = (message.get(key) or "") + value
        elif isinstance(value, list) and isinstance(message.get(key, []), list):
            message[key] = [*message.get(key, ()), *value]
        elif value is not None:
            message[key] = value


def _grow_call(calls: list[dict[str, Any]], piece: Mapping[str, Any], place: int) -> None:
    """``index`` says which call goes on; servers that leave it out give each call whole."""
    index = piece.get("index")
    if not isinstance(index, int):
        index = len(calls) if piece.get("id") and not any(one.get("id") == piece["id"] for one in calls) else place
    found = next((one for one in calls if one.get("index") == index), None)
    if found is None:
        found = {"index": index, "type": "function", "function": {}}
        calls.append(found)
    found.update({key: piece[key] for key in ("id", "type") if piece.get(key)})
    held, more = found["function"], piece.get("function")
    if isinstance(more, dict):
        if isinstance(more.get("name"), str):
            held["name"] = (held.get("name") or "") + more["name"]
        if more.get("arguments") is not None:
            given = more["arguments"]
            held["arguments"] = (held.get("arguments") or "") + given if isinstance(given, str) else given


def _added(known: Any, more: Mapping[str, Any]) -> dict[str, Any]:
    held = dict(known) if isinstance(known, dict) else {}
    for key, value in more.items():
        if isinstance(value, list):
            held[key] = [*(held.get(key) or ()), *value]
        elif value is not None:
            held[key] = value
    return held

"""Ollama: what ``/api/chat`` and ``/api/generate`` answer, whole or as a stream's pieces. Pure.

Its messages are ``{role, content, images?, thinking?, tool_calls?}``, which :mod:`~atlas_otel.calls.openai_chat` reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atlas_otel.calls import sharing
from atlas_otel.calls.answer import Answer, finished
from atlas_otel.calls.model_call import Message, Reasoning, Text
from atlas_otel.calls.openai_chat import read_message
from atlas_otel.calls.usage import read_usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def is_answer(value: Mapping[str, Any]) -> bool:
    """Whether a mapping says whether it is done, and says something."""
    return isinstance(value.get("done"), bool) and (
        isinstance(value.get("message"), dict) or isinstance(value.get("response"), str)
    )


def read_answer(value: Mapping[str, Any]) -> Answer:
    """Its message; a generated text as one."""
    held = value.get("message")
    if isinstance(held, dict):
        said = read_message({"role": "assistant", **held}, "assistant")
    else:
        thought = sharing.text(value, "thinking")
        said = (Message("assistant", (*((Reasoning(thought),) if thought else ()), Text(value["response"]))),)
    reason, model = sharing.text(value, "done_reason"), sharing.text(value, "model")
    return finished(said, [reason], one=True, model=model, usage=read_usage(value))


def is_piece(value: object) -> bool:
    """Whether a stream's piece is a part of an answer."""
    return isinstance(value, dict) and is_answer(value)


def join(pieces: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The answer that the pieces come to: the last, with all that was said."""
    whole: dict[str, Any] = {key: value for key, value in pieces[-1].items() if value is not None}
    messages = [piece["message"] for piece in pieces if isinstance(piece.get("message"), dict)]
    if messages:
        held: dict[str, Any] = {"role": "assistant"}
        for key in ("content", "thinking"):
            if texts := [one[key] for one in messages if isinstance(one.get(key), str)]:
                held[key] = "".join(texts)
        for key in ("tool_calls", "images"):
            if listed := [call for one in messages if isinstance(one.get(key), list) for call in one[key]]:
                held[key] = listed
        whole["message"] = held
    for key in ("response", "thinking"):
        if texts := [piece[key] for piece in pieces if isinstance(piece.get(key), str)]:
            whole[key] = "".join(texts)
    return whole

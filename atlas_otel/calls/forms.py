"""The wire forms in the order in which a value is tried: those that tell themselves most surely come first. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from atlas_otel.calls import (
    anthropic,
    bedrock,
    cohere,
    conventions,
    gemini,
    langchain,
    ollama,
    openai_answers,
    openai_chat,
    openai_responses,
    vercel,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from atlas_otel.calls.answer import Answer
    from atlas_otel.calls.model_call import Message

Is: TypeAlias = "Callable[[Mapping[str, Any]], bool]"
ReadMessage: TypeAlias = "Callable[[Mapping[str, Any], str], Sequence[Message]]"
ReadAnswer: TypeAlias = "Callable[[Mapping[str, Any]], Answer]"
IsPiece: TypeAlias = "Callable[[object], bool]"
Join: TypeAlias = "Callable[[Sequence[Mapping[str, Any]]], dict[str, Any] | None]"

MESSAGES: Final[Sequence[tuple[Is, ReadMessage]]] = (
    (conventions.is_message, conventions.read_message),
    (gemini.is_message, gemini.read_message),
    (openai_chat.is_message, openai_chat.read_message),
    (openai_responses.is_item, openai_responses.read_item),
    (langchain.is_message, langchain.read_message),
)
"""Anthropic's, Bedrock's, Vercel's, Cohere's, Mistral's and Ollama's messages have OpenAI's outer form."""

ANSWERS: Final[Sequence[tuple[Is, ReadAnswer]]] = (
    (openai_answers.is_answer, openai_answers.read_answer),
    (openai_responses.is_answer, openai_responses.read_answer),
    (gemini.is_answer, gemini.read_answer),
    (bedrock.is_answer, bedrock.read_answer),
    (langchain.is_answer, langchain.read_answer),
    (ollama.is_answer, ollama.read_answer),
    (cohere.is_answer, cohere.read_answer),
    (vercel.is_answer, vercel.read_answer),
)
"""Anthropic's answer is a message that says more."""

PIECES: Final[Sequence[tuple[IsPiece, Join]]] = (
    (openai_answers.is_piece, openai_answers.join),
    (openai_responses.is_piece, openai_responses.join),
    (anthropic.is_piece, anthropic.join),
    (gemini.is_piece, gemini.join),
    (bedrock.is_piece, bedrock.join),
    (langchain.is_piece, langchain.join),
    (ollama.is_piece, ollama.join),
    (cohere.is_piece, cohere.join),
    (vercel.is_piece, vercel.join),
)

"""Messages of a model call in the form that chat templates and trainers take: OpenAI's, arguments as objects. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from atlas_otel.calls.openai_form import is_written, to_openai, to_openai_tools

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlas_otel.calls.model_call import Message, Tool
    from atlas_otel.models.json_types import JsonObject, JsonValue
    from atlas_otel_exporters.training.options import Arguments


def chat_messages(messages: Iterable[Message], arguments: Arguments = "objects") -> list[JsonValue]:
    """Each message in chat form, but for those of which nothing can be written."""
    return [chat_message(message, arguments) for message in messages if is_written(message)]


def chat_message(message: Message, arguments: Arguments = "objects") -> JsonObject:
    """One message in chat form. ``arguments``: of its tool calls, as objects or as the text that the model wrote.

    Sixteen of the chat templates that TRL 1.16 ships raise where arguments are text, and six write them twice encoded.
    """
    (written,) = to_openai([message])
    calls = written.get("tool_calls")
    if arguments == "objects" and isinstance(calls, list):
        for entry, call in zip(calls, message.tool_calls, strict=True):
            cast("dict[str, JsonObject]", entry)["function"]["arguments"] = call.arguments
    return written


def chat_tools(tools: Iterable[Tool]) -> list[JsonValue]:
    """Offered tools, nested as OpenAI has them."""
    return list(to_openai_tools(tools))

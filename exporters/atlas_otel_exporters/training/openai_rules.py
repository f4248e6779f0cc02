"""What OpenAI takes in a fine-tuning file: why a conversation would be refused. Pure.

Facts from the fine-tuning guide and the published schema of a training line: every line stands alone, assistant
messages may have a ``weight`` of 0 or 1, arguments are text, each tool call is answered before anybody else speaks.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlas_otel.models.json_types import JsonObject, JsonValue

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_KEYS: Final = frozenset({"role", "content", "name", "tool_calls", "tool_call_id", "refusal", "weight"})
_ROLES: Final = frozenset({"system", "user", "assistant", "tool"})


def plain(message: JsonObject) -> JsonObject:
    """The message with only what the file format knows: no reasoning; null where an assistant only calls tools."""
    kept = {key: value for key, value in message.items() if key in _KEYS}
    if kept.get("role") == "assistant" and kept.get("content") == "" and (kept.get("tool_calls") or "refusal" in kept):
        kept["content"] = None
    if kept.get("role") == "tool":
        kept.pop("name", None)
    return kept


def refusal(messages: Sequence[JsonObject], tools: Sequence[JsonValue]) -> str | None:
    """Why OpenAI would refuse a line of these messages; None where it takes it."""
    if not messages or messages[-1].get("role") != "assistant":
        return "the last message is not the assistant's"
    waiting: set[str] = set()
    for message in messages:
        reason, waiting = _next(message, waiting)
        if reason is not None:
            return reason
    for tool in tools:
        function = tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(function, dict) or not _NAME.fullmatch(str(function.get("name"))):
            return "a tool that is no function of a plain name"
    return None


def _next(message: JsonObject, waiting: set[str]) -> tuple[str | None, set[str]]:
    role, content = message.get("role"), message.get("content")
    if role not in _ROLES:
        return f"the role {role}", waiting
    if role == "tool":
        if message.get("tool_call_id") not in waiting:
            return "a tool's answer to no call", waiting
        return None, waiting - {str(message["tool_call_id"])}
    if waiting:
        return "a tool call without an answer", waiting
    if role != "assistant":
        return ("an empty message" if not content else None), set()
    calls = message.get("tool_calls")
    if not content and not calls and not message.get("refusal"):
        return "an empty message", set()
    asked: set[str] = set()
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(call, dict) or not isinstance(function, dict):
            return "a tool call in no known form", asked
        if not call.get("id") or not _NAME.fullmatch(str(function.get("name"))):
            return "a tool call without an id or a plain name", asked
        asked.add(str(call["id"]))
    return None, asked

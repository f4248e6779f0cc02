"""What holds of every line of every format, whatever was recorded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

_SAYS = ("content", "tool_calls", "toolCalls", "reasoning_content", "refusal", "thinking")


def assert_no_empty_message(lines: Iterable[Any], *, sent_empty: int = 0) -> None:
    """No line holds a message that says nothing, but for those that were sent so (``sent_empty`` at most)."""
    empty = [message for message in _messages(list(lines)) if not any(message.get(key) for key in _SAYS)]
    assert len(empty) <= sent_empty, f"messages that say nothing: {empty}"


def _messages(value: Any) -> Iterator[dict[str, Any]]:
    """Every chat message in a line; what events hold of spans is none."""
    if isinstance(value, dict):
        if isinstance(value.get("role"), str) and "content" in value:
            yield value
            return
        for key, one in value.items():
            if key not in ("trajectory_events", "session_metadata", "steps"):
                yield from _messages(one)
    elif isinstance(value, list):
        for one in value:
            yield from _messages(one)

"""``--format hf-traces``: the Session Trace Simple Format, which the Hub shows in its trace viewer.

A header line, then a line for each message. The Hub takes one session a file: name one with ``--session-id``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atlas_otel.calls.openai_form import is_written
from atlas_otel_exporters.training.chat_form import chat_message
from atlas_otel_exporters.training.conversation import conversations
from atlas_otel_exporters.training.row_format import RowFormat

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlas_otel.calls.model_call import Message
    from atlas_otel.models.json_types import JsonObject
    from atlas_otel_exporters.training.recorded import Recorded
    from atlas_otel_exporters.training.turn import Turn

HARNESS: Final = "atlas-otel"
_ROLES: Final = frozenset({"system", "user", "assistant", "tool"})


class HfTracesFormat(RowFormat):
    """A header a session, then its conversations' messages, each once."""

    def rows(self, recorded: Recorded, revision: int | None) -> Iterator[JsonObject]:
        """The lines of one session; none where it had no model calls."""
        run = recorded.run
        found = conversations(recorded.turns)
        if not found:
            return
        yield {
            "type": "session",
            "harness": HARNESS,
            "id": run.key or str(run.id),
            "name": run.task,
            "agent": run.agent,
            "status": run.status,
            "reward": run.reward,
            **({} if revision is None else {"revision": revision}),
        }
        for conversation in found:
            for message in filter(is_written, conversation.prompt):
                yield _line(message, None)
            for spoken in conversation.spoken:
                if is_written(spoken.message):
                    yield _line(spoken.message, spoken.turn)


def _line(message: Message, turn: Turn | None) -> JsonObject:
    chat = chat_message(message, "text")
    role = chat["role"]
    content = chat["content"]
    written: JsonObject = {
        "role": role if role in _ROLES else "user",
        "content": content if isinstance(content, str) else message.text,
    }
    if "reasoning_content" in chat:
        written["reasoningContent"] = chat["reasoning_content"]
    calls = chat.get("tool_calls")
    if isinstance(calls, list):
        kept = ("id", "function")
        written["toolCalls"] = [{key: call[key] for key in kept} for call in calls if isinstance(call, dict)]
    if "tool_call_id" in chat:
        written["toolCallId"] = chat["tool_call_id"]
    if turn is not None:
        written["timestamp"] = round(1000 * (turn.started if turn.ended is None else turn.ended))
        written["model"] = turn.model
    return {"type": "message", "message": written}

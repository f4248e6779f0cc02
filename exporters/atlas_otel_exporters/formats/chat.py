"""``--format chat``: conversations with tool calls, for supervised fine-tuning.

One line per conversation with a model, each answer as the model wrote it, and of a call with
several choices each. Every message says whether to train on it: each answer that was really generated in exactly one
line of an export. Sessions with one conversation id are one conversation where their calls go on from one another: an
export writes them as one line. A session in which no model call was recorded becomes one line that trains on nothing:
the task, each tool call with its result, the final answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atlas_otel.calls.model_call import Message, Text, ToolCall, ToolResult
from atlas_otel.calls.openai_form import is_written, unwritten
from atlas_otel.records.exact_json import dump
from atlas_otel.semconv import NOT_CAPTURED
from atlas_otel_exporters.encode import REVISION
from atlas_otel_exporters.formats.events import calls, text
from atlas_otel_exporters.training.chat_form import chat_message, chat_tools
from atlas_otel_exporters.training.conversation import conversations
from atlas_otel_exporters.training.row_format import RowFormat, traced_line
from atlas_otel_exporters.training.rows import no_origin, origin

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from atlas_otel.models.json_types import JsonObject, JsonValue
    from atlas_otel_exporters.stored import StoredSession
    from atlas_otel_exporters.training.conversation import Conversation
    from atlas_otel_exporters.training.recorded import Recorded
    from atlas_otel_exporters.training.turn import Turn

_KINDS: Final = frozenset({"WORKFLOW", "TOOL"})


class ChatFormat(RowFormat):
    """One row a conversation, also one that several sessions went on with."""

    joins_conversations = True

    def refusal(self, turn: Turn) -> str | None:
        """Beside what no row takes: a call that failed."""
        return super().refusal(turn) or ("failed" if turn.status == "failed" else None)

    def written(
        self, session: StoredSession, recorded: Recorded, revision: int | None
    ) -> list[tuple[bytes, list[str]]]:
        """The session's lines; where no model call was recorded with messages, the one of its tools."""
        if recorded.turns:
            rows = list(self.rows(recorded, revision))
        else:
            rows = [] if recorded.refused else list(self._of_tools(session, revision))
        return [traced_line(row) for row in rows]

    def rows(self, recorded: Recorded, revision: int | None) -> Iterator[JsonObject]:
        """The conversations, in the order in which they ended."""
        for conversation in conversations(recorded.turns):
            call = conversation.last.call
            tools = chat_tools(conversation.tools)
            yield {
                "messages": list(self._messages(conversation)),
                "tools": (dump(tools).decode() if self.options.arguments == "text" else tools) if tools else None,
                "omitted_parts": unwritten(conversation.messages),
                "omitted_messages": call.cut.messages if call.cut is not None else 0,
                "omitted_bytes": call.cut_bytes,
                "unread": list(call.marks) or None,
                **_sources(conversation.turns),
                **origin(conversation.turns, revision),
            }

    def _messages(self, conversation: Conversation) -> Iterator[JsonObject]:
        for message in filter(is_written, conversation.prompt):
            yield {**chat_message(message, self.options.arguments), "train": False}
        for one in conversation.spoken:
            if is_written(one.message):
                yield {**chat_message(one.message, self.options.arguments), "train": one.turn is not None}

    def _of_tools(self, session: StoredSession, revision: int | None) -> Iterator[JsonObject]:
        if not session.task or not session.final_answer or session.task == NOT_CAPTURED:
            return
        messages, span_ids = _tool_conversation(session, session.task, session.final_answer)
        run = self.read(session, count=False).run
        row: JsonObject = {
            "messages": [{**chat_message(one, self.options.arguments), "train": False} for one in messages],
            "tools": None,
            "omitted_parts": 0,
            "omitted_messages": 0,
            "omitted_bytes": 0,
            "unread": None,
            "session_keys": [run.name],
            "trace_ids": [],
            **no_origin(run),
            "span_ids": list(span_ids),
        }
        yield row if revision is None else {**row, REVISION: revision}


def _sources(turns: Sequence[Turn]) -> JsonObject:
    """The sessions and traces that a row is made of, each once, in order."""
    return {
        "session_keys": list(dict.fromkeys(turn.run.name for turn in turns)),
        "trace_ids": list(dict.fromkeys(turn.trace_id for turn in turns if turn.trace_id is not None)),
    }


def _tool_conversation(session: StoredSession, task: str, answer: str) -> tuple[list[Message], list[str]]:
    messages = [Message("user", (Text(task),))]
    found = calls(session.events, _KINDS)
    span_ids = [call.span_id for call in found if call.kind == "WORKFLOW"][:1]
    for call in found:
        if call.kind != "TOOL" or not call.ended:
            continue
        call_id = _call_id(call.start) or call.span_id
        messages.append(Message("assistant", (ToolCall(call_id, call.name, text(call.input)),)))
        failure = call.end.get("error")
        said = text(call.output) if failure is None else f"error: {_failure(failure)}"
        result = ToolResult(call_id, call.name, (Text(said),), failure is not None)
        messages.append(Message("tool", (result,)))
        span_ids.append(call.span_id)
    messages.append(Message("assistant", (Text(answer),)))
    return messages, span_ids


def _call_id(start: JsonObject) -> str | None:
    """The id that the model gave the call."""
    about = start.get("tool_info")
    given = about.get("call_id") if isinstance(about, dict) else None
    return given if isinstance(given, str) and given else None


def _failure(error: JsonValue) -> str:
    if isinstance(error, dict):
        return ": ".join(filter(None, (text(error.get("type")), text(error.get("message")))))
    return text(error)

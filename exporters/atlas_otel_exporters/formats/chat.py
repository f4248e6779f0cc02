"""``--format chat``: conversations with tool calls, for supervised fine-tuning.

One line per conversation that the session had with a model: a model call whose messages go on from those of an
earlier call is the same conversation, and the last of them holds it whole. So a line is what the model really saw, and
what it answered. A session whose model calls were not recorded with messages becomes one line: the task, each tool call
with its result, the final answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from atlas_otel_exporters.formats.events import calls, text
from atlas_otel_exporters.formats.messages import message, read_messages, tool_call
from atlas_otel_exporters.formats.naming import session_score, source
from atlas_otel_exporters.json_text import dump

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from atlas_otel.models.json_types import JsonObject, JsonValue
    from atlas_otel_exporters.formats.events import Call
    from atlas_otel_exporters.stored import StoredSession
    from atlas_otel_exporters.training.options import RowOptions

_KINDS: Final = frozenset({"WORKFLOW", "LLM", "TOOL"})


class _Conversation(NamedTuple):
    messages: list[JsonObject]
    span_ids: list[str]
    tools: JsonValue
    omitted: int


def chat_lines(session: StoredSession, options: RowOptions, *, revision: int | None = None) -> Iterable[bytes]:
    """The session's conversations, in the order in which they ended."""
    found = calls(session.events, _KINDS)
    score = session_score(session)
    for conversation in _conversations(found) or _from_tools(session, found):
        tools = conversation.tools
        yield dump(
            {
                "messages": conversation.messages,
                # Schemas of several tools have no common type: TRL reads them from JSON text.
                "tools": None if tools is None else text(tools),
                "reward": score,
                "omitted_parts": conversation.omitted,
                **source(session, conversation.span_ids, revision),
            }
        )


def _conversations(found: Sequence[Call]) -> list[_Conversation]:
    conversations: list[_Conversation] = []
    for call in found:
        if call.kind != "LLM" or not call.ended or "error" in call.end:
            continue
        asked = read_messages(call.input, role="user")
        # Where the raw answer was recorded too, the answer as messages stands in the metadata.
        answered = read_messages(call.end.get("chat_responses"), role="assistant")
        if not answered.items:
            answered = read_messages(call.output, role="assistant")
        if not asked.items or not answered.items:
            continue
        system = read_messages(_as_message(call.start.get("system_instructions")), role="system")
        opening = system.items if asked.items[0]["role"] != "system" else []
        messages = [*opening, *asked.items, *answered.items]
        omitted = asked.omitted + answered.omitted
        span_ids = [call.span_id]
        for earlier in conversations:
            if messages[: len(earlier.messages)] == earlier.messages:
                conversations.remove(earlier)
                span_ids = [*earlier.span_ids, *span_ids]
                break
        conversations.append(_Conversation(messages, span_ids, call.start.get("tools_schema"), omitted))
    return conversations


def _as_message(instructions: JsonValue) -> JsonValue:
    """System instructions are a list of parts in the GenAI conventions: one message."""
    return {"role": "system", "parts": instructions} if isinstance(instructions, list) else instructions


def _from_tools(session: StoredSession, found: Sequence[Call]) -> list[_Conversation]:
    if not session.task or not session.final_answer:
        return []
    messages = [message("user", session.task)]
    span_ids = [call.span_id for call in found if call.kind == "WORKFLOW"][:1]
    for call in found:
        if call.kind != "TOOL" or not call.ended:
            continue
        failure = call.end.get("error")
        messages.append({**message("assistant", ""), "tool_calls": [tool_call(call.span_id, call.name, call.input)]})
        answer = text(call.output) if failure is None else f"error: {_failure(failure)}"
        messages.append({**message("tool", answer), "tool_call_id": call.span_id, "name": call.name})
        span_ids.append(call.span_id)
    messages.append(message("assistant", session.final_answer))
    return [_Conversation(messages, span_ids, None, 0)]


def _failure(error: JsonValue) -> str:
    if isinstance(error, dict):
        return ": ".join(filter(None, (text(error.get("type")), text(error.get("message")))))
    return text(error)

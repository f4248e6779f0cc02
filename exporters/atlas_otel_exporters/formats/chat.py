"""``--format chat``: conversations with tool calls, for supervised fine-tuning.

One line per conversation that the session had with a model: a model call whose messages go on from those of an
earlier call is the same conversation, and the last of them holds it whole. So a line is what the model really saw, and
what it answered; where a later call sends an answer back in another form, the line has it as the model wrote it. Of a
call with several choices, each is a line. A session whose model calls were not recorded with messages becomes one line:
the task, each tool call with its result, the final answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from atlas_otel.calls.model_call import Message, Text, ToolCall, ToolResult
from atlas_otel.calls.openai_form import to_openai, to_openai_tools, unwritten
from atlas_otel.semconv import NOT_CAPTURED
from atlas_otel_exporters.formats.events import calls, text
from atlas_otel_exporters.formats.naming import source
from atlas_otel_exporters.formats.said import goes_on, said_in
from atlas_otel_exporters.json_text import dump
from atlas_otel_exporters.rewards import session_score
from atlas_otel_exporters.training.recorded import read_session

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from atlas_otel.calls.model_call import Tool
    from atlas_otel.models.json_types import JsonObject, JsonValue
    from atlas_otel_exporters.formats.said import Said
    from atlas_otel_exporters.stored import StoredSession
    from atlas_otel_exporters.training.options import RowOptions
    from atlas_otel_exporters.training.turn import Turn

_KINDS: Final = frozenset({"WORKFLOW", "LLM", "TOOL"})


class _Conversation(NamedTuple):
    """Messages up to the last answer. ``given`` of them are what the last call was given; marks are of its call."""

    messages: tuple[Message, ...]
    said: Sequence[Said]
    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...]

    @property
    def last(self) -> Turn:
        return self.turns[-1]


def chat_lines(session: StoredSession, options: RowOptions, *, revision: int | None = None) -> Iterable[bytes]:
    """The session's conversations, in the order in which they ended."""
    score = session_score(session)
    found = _conversations(read_session(session).turns)
    for one in found:
        call = one.last.call
        line = {
            "messages": to_openai(one.messages),
            # Schemas of several tools have no common type: TRL reads them from JSON text.
            "tools": text(list(to_openai_tools(one.tools))) if one.tools else None,
            "reward": score,
            "omitted_parts": unwritten(one.messages),
            "omitted_messages": call.cut.messages if call.cut is not None else 0,
            "omitted_bytes": call.cut_bytes,
            "stream_incomplete": any(turn.stream_incomplete for turn in one.turns),
            "unread": list(call.marks) or None,
        }
        yield dump({**line, **source(session, [turn.span_id for turn in one.turns], revision)})
    if not found:
        yield from _from_tools(session, score, revision)


def _conversations(turns: Iterable[Turn]) -> list[_Conversation]:
    found: list[_Conversation] = []
    for turn in turns:
        call = turn.call
        if turn.status != "succeeded" or not call.messages or not call.choices:
            continue
        asked = said_in(call.messages)
        earlier = max(
            (one for one in found if _continues(one, turn, asked)), key=lambda one: len(one.said), default=None
        )
        given = call.messages
        before: tuple[Turn, ...] = ()
        if earlier is not None:
            found.remove(earlier)
            given, before = _as_written(call.messages, earlier, asked), earlier.turns
        for choice in call.choices:
            messages = (*given, choice.message)
            tools = call.tools or (earlier.tools if earlier is not None else ())
            found.append(_Conversation(messages, said_in(messages), (*before, turn), tools))
    return found


def _continues(earlier: _Conversation, turn: Turn, asked: Sequence[Said]) -> bool:
    """Whether a call goes on from a conversation: its messages do, or it names the response that the server keeps."""
    if _server_keeps(earlier, turn):
        return True
    return goes_on(earlier.said, asked)


def _server_keeps(earlier: _Conversation, turn: Turn) -> bool:
    named = turn.call.previous_response_id
    return named is not None and named == earlier.last.call.response_id


def _as_written(given: tuple[Message, ...], earlier: _Conversation, asked: Sequence[Said]) -> tuple[Message, ...]:
    """What the call was given, with all up to the earlier answer as it was written then: the model's own arguments, to
    the byte, and its reasoning. What only the server kept is put in front."""
    if not goes_on(earlier.said, asked):
        return (*earlier.messages, *(one for one in given if one.role not in ("system", "developer")))
    count = len(earlier.said)
    first_new = asked[count].at if count < len(asked) else len(given)
    system = given[0] if given and given[0].role in ("system", "developer") else None
    if any(one.at >= first_new for one in asked[:count]):
        return given  # one message holds the end of what was said and the beginning of what is new
    begin = earlier.messages[1:] if system is not None and earlier.messages[0].role == system.role else earlier.messages
    return (*((system,) if system is not None else ()), *begin, *given[first_new:])


def _from_tools(session: StoredSession, score: float | None, revision: int | None) -> Iterator[bytes]:
    if not session.task or not session.final_answer or session.task == NOT_CAPTURED:
        return
    messages = [Message("user", (Text(session.task),))]
    found = calls(session.events, _KINDS)
    span_ids = [call.span_id for call in found if call.kind == "WORKFLOW"][:1]
    for call in found:
        if call.kind != "TOOL" or not call.ended:
            continue
        call_id = _call_id(call.start) or call.span_id
        messages.append(Message("assistant", (ToolCall(call_id, call.name, text(call.input)),)))
        failure = call.end.get("error")
        answer = text(call.output) if failure is None else f"error: {_failure(failure)}"
        result = ToolResult(call_id, call.name, (Text(answer),), failure is not None)
        messages.append(Message("tool", (result,)))
        span_ids.append(call.span_id)
    messages.append(Message("assistant", (Text(session.final_answer),)))
    line: JsonObject = {
        "messages": list(to_openai(messages)),
        "tools": None,
        "reward": score,
        "omitted_parts": 0,
        "omitted_messages": 0,
        "omitted_bytes": 0,
        "stream_incomplete": False,
        "unread": None,
    }
    yield dump({**line, **source(session, span_ids, revision)})


def _call_id(start: JsonObject) -> str | None:
    """The id that the model gave the call."""
    about = start.get("tool_info")
    given = about.get("call_id") if isinstance(about, dict) else None
    return given if isinstance(given, str) and given else None


def _failure(error: JsonValue) -> str:
    if isinstance(error, dict):
        return ": ".join(filter(None, (text(error.get("type")), text(error.get("message")))))
    return text(error)

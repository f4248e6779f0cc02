"""``--format atif``: one trajectory a session in the Agent Trajectory Interchange Format, version 1.7."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Final

from atlas_otel.calls.model_call import Media, Refusal, Text, ToolResult
from atlas_otel_exporters.training.chat_form import chat_tools
from atlas_otel_exporters.training.conversation import conversations
from atlas_otel_exporters.training.row_format import RowFormat, made_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from atlas_otel.calls.model_call import Message, Part, Tokens, Tool, ToolCall
    from atlas_otel.models.json_types import JsonObject, JsonValue
    from atlas_otel_exporters.training.conversation import Conversation
    from atlas_otel_exporters.training.recorded import Recorded
    from atlas_otel_exporters.training.turn import Turn

VERSION: Final = "ATIF-v1.7"
_IMAGES: Final = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_UNKNOWN: Final = "unknown"


class AtifFormat(RowFormat):
    """One trajectory a session: its conversations one after the other, each message once."""

    def rows(self, recorded: Recorded, revision: int | None) -> Iterator[JsonObject]:
        """The session's trajectory; none where it had no model calls."""
        found = conversations(recorded.turns)
        if not found:
            return
        run, first = recorded.run, found[0].turns[0]
        steps: list[JsonObject] = []
        for number, conversation in enumerate(found, start=1):
            _add(steps, conversation, number)
        turns = [turn for conversation in found for turn in conversation.turns]
        yield _given(
            schema_version=VERSION,
            session_id=run.key or str(run.id),
            trajectory_id=run.key or str(run.id),
            agent=_given(
                name=run.agent or _UNKNOWN,
                version=run.version or _UNKNOWN,
                model_name=first.model,
                tool_definitions=chat_tools(_all_tools(turns)) or None,
            ),
            steps=list(steps),
            final_metrics=_given(
                total_prompt_tokens=_total(turns, "input_tokens"),
                total_completion_tokens=_total(turns, "output_tokens"),
                total_cached_tokens=_total(turns, "cached_tokens"),
                total_steps=len(steps),
            ),
            extra=_given(
                task=run.task, status=run.status, reward=run.reward, task_group=run.task_group, revision=revision
            ),
        ) | made_of(*turns)


def _all_tools(turns: Sequence[Turn]) -> list[Tool]:
    return list({tool.name: tool for turn in turns for tool in turn.call.tools}.values())


def _add(steps: list[JsonObject], conversation: Conversation, number: int) -> None:
    """The conversation's messages as steps. Answers that stood in its first request were copied from elsewhere."""
    for message in conversation.prompt:
        _step(steps, message, None, number)
    for spoken in conversation.spoken:
        _step(steps, spoken.message, spoken.turn, number)


def _step(steps: list[JsonObject], message: Message, turn: Turn | None, number: int) -> None:
    result = message.tool_result
    if result is not None and _observed(steps, result):
        return
    step: JsonObject = {"step_id": len(steps) + 1, "source": _source(message)}
    if turn is not None:
        step["timestamp"] = _iso(turn.started if turn.ended is None else turn.ended)
        step |= _given(model_name=turn.model)
    step["message"] = _content(message.parts if result is None else result.parts)
    extra: JsonObject = {"conversation": number}
    if message.role == "assistant":
        step |= _given(reasoning_content=message.reasoning or None)
        if message.tool_calls:
            step["tool_calls"] = [_tool_call(call, at) for at, call in enumerate(message.tool_calls)]
        if turn is None:
            step["is_copied_context"] = True
        else:
            step |= _given(metrics=_metrics(turn), llm_call_count=1)
            extra |= _given(**_of_turn(turn))
    elif result is not None:
        extra |= _given(tool_call_id=result.id, tool_name=result.name)
    step["extra"] = extra
    steps.append(step)


def _observed(steps: list[JsonObject], result: ToolResult) -> bool:
    """Put a tool's answer to the step that called it; False where none did."""
    for step in reversed(steps):
        calls = step.get("tool_calls")
        ids = {call["tool_call_id"] for call in calls if isinstance(call, dict)} if isinstance(calls, list) else set()
        if result.id in ids:
            entry: JsonObject = {"source_call_id": result.id, "content": _content(result.parts)}
            if result.error:
                entry["extra"] = {"error": True}
            observation = step.setdefault("observation", {"results": []})
            assert isinstance(observation, dict)
            results = observation["results"]
            assert isinstance(results, list)
            results.append(entry)
            return True
    return False


def _source(message: Message) -> str:
    if message.role in ("system", "developer"):
        return "system"
    return "agent" if message.role == "assistant" else "user"


def _content(parts: Sequence[Part]) -> JsonValue:
    """A text, or a list of parts where there are images of a type that the format knows."""
    written: list[JsonValue] = []
    for part in parts:
        if isinstance(part, Media) and part.mime_type in _IMAGES:
            path = f"data:{part.mime_type};base64,{part.data}" if part.data is not None else part.uri or part.file_id
            written.append({"type": "image", "source": {"media_type": part.mime_type, "path": path or ""}})
        elif isinstance(part, (Text, Refusal)) and part.text:
            written.append({"type": "text", "text": part.text})
    if any(isinstance(one, dict) and one["type"] == "image" for one in written):
        return written
    return "\n".join(str(one["text"]) for one in written if isinstance(one, dict))


def _tool_call(call: ToolCall, at: int) -> JsonObject:
    arguments = call.arguments
    held: JsonObject = {"tool_call_id": call.id or f"call_{at}", "function_name": call.name}
    if isinstance(arguments, dict):
        return {**held, "arguments": arguments}
    return {**held, "arguments": {}, "extra": {"arguments_text": call.arguments_text}}


def _metrics(turn: Turn) -> JsonObject | None:
    usage, answered = turn.call.usage, turn.call.choices[0].tokens
    counts: JsonObject = {}
    if usage is not None:
        counts = _given(
            prompt_tokens=usage.input_tokens,
            completion_tokens=usage.output_tokens,
            cached_tokens=usage.cached_tokens,
            extra=_given(reasoning_tokens=usage.reasoning_tokens) or None,
        )
    return {**counts, **_ids(turn.call.prompt_tokens, answered)} or None


def _ids(asked: Tokens | None, answered: Tokens | None) -> JsonObject:
    given = () if answered is None or answered.logprobs is None else answered.logprobs
    logprobs: list[JsonValue] = list(given)
    return _given(
        prompt_token_ids=None if asked is None or asked.ids is None else list(asked.ids),
        completion_token_ids=None if answered is None or answered.ids is None else list(answered.ids),
        logprobs=None if None in logprobs else logprobs or None,
    )


def _of_turn(turn: Turn) -> JsonObject:
    attempt = turn.attempt
    return {
        "span_id": turn.span_id,
        "trace_id": turn.trace_id,
        "agent": turn.agent,
        "step": None if attempt is None else attempt.step,
        "attempt": None if attempt is None else attempt.number,
        "valid": None if attempt is None else attempt.valid,
        "reward": turn.reward,
        "reward_source": turn.reward_source,
        "finish_reason": turn.finish_reason,
        "status": turn.status,
    }


def _total(turns: Sequence[Turn], name: str) -> int | None:
    known = [count for turn in turns if (count := getattr(turn.call.usage, name, None)) is not None]
    return sum(known) if known else None


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, timezone.utc).isoformat()


def _given(**fields: JsonValue) -> JsonObject:
    return {name: value for name, value in fields.items() if value is not None}

"""Sessions, their steps and their model calls as rows of three tables. Pure.

What the contract's tables hold of a session, a column each for what is filtered by and JSON for the rest; and every
model call, whole, with whose it was, how it ended and what it was worth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from atlas_otel.records.exact_json import dump, load, load_object
from atlas_otel_exporters.rewards import session_score, step_score
from atlas_otel_exporters.training.chat_form import chat_message, chat_messages, chat_tools
from atlas_otel_exporters.training.recorded import read_session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atlas_otel.models.json_types import JsonObject, JsonValue
    from atlas_otel_exporters.stored import StoredSession, StoredStep
    from atlas_otel_exporters.training.features import Feature
    from atlas_otel_exporters.training.turn import Turn

_WHOSE: Final[dict[str, Feature]] = {"session_id": "int64", "session_key": "string"}

TABLES: Final[Mapping[str, Mapping[str, Feature]]] = {
    "sessions": {
        **_WHOSE,
        "task": "string",
        "status": "string",
        "review_status": "string",
        "review_notes": "string",
        "final_answer": "string",
        "reward": "float64",
        "created_at": "string",
        "completed_at": "string",
        "steps": "int64",
        "events": "int64",
        "reward_stats": "json",
        "plan": "json",
        "metadata": "json",
    },
    "steps": {
        **_WHOSE,
        "step_id": "int64",
        "attempts": "int64",
        "reward": "float64",
        "trace": "string",
        "output": "string",
        "guidance": ("string",),
        "evaluation": "json",
        "metadata": "json",
    },
    "calls": {
        **_WHOSE,
        "trace_id": "string",
        "span_id": "string",
        "step_id": "int64",
        "attempt": "int64",
        "actor": "string",
        "agent": "string",
        "provider": "string",
        "request_model": "string",
        "response_model": "string",
        "status": "string",
        "error": "string",
        "finish_reason": "string",
        "started": "float64",
        "ended": "float64",
        "input_tokens": "int64",
        "output_tokens": "int64",
        "cached_tokens": "int64",
        "reasoning_tokens": "int64",
        "reward": "float64",
        "reward_source": "string",
        "truncated": "bool",
        "stream_incomplete": "bool",
        "unread_parts": "int64",
        "messages": ("json",),
        "answer": "json",
        "tools": "json",
    },
}
"""The columns of each table. Times of calls are Unix seconds, those of sessions ISO 8601."""


class TableRows(NamedTuple):
    """One session's rows of each table, each a line of JSON."""

    sessions: Sequence[bytes]
    steps: Sequence[bytes]
    calls: Sequence[bytes]


def session_tables(session: StoredSession) -> TableRows:
    """The session's rows. Raises RecordError where a stored value cannot be read."""
    whose: JsonObject = {"session_id": session.id, "session_key": session.key}
    own: JsonObject = {
        **whose,
        "task": session.task,
        "status": session.status,
        "review_status": session.review_status,
        "review_notes": session.review_notes,
        "final_answer": session.final_answer,
        "reward": session_score(session),
        "created_at": None if session.created_at is None else session.created_at.isoformat(),
        "completed_at": None if session.completed_at is None else session.completed_at.isoformat(),
        "steps": len(session.steps),
        "events": session.events_total,
        "reward_stats": _json(session.reward_stats),
        "plan": _json(session.plan),
        "metadata": _json(session.metadata),
    }
    return TableRows(
        [dump(own)],
        [dump({**whose, **_step(step)}) for step in session.steps],
        [dump({**whose, **_call(turn)}) for turn in read_session(session).turns],
    )


def _step(step: StoredStep) -> JsonObject:
    guidance: list[JsonValue] = list(step.guidance)
    return {
        "step_id": step.step_id,
        "attempts": step.attempts,
        "reward": step_score(load_object(step.evaluation), load_object(step.metadata)),
        "trace": step.trace,
        "output": step.output,
        "guidance": guidance,
        "evaluation": _json(step.evaluation),
        "metadata": _json(step.metadata),
    }


def _call(turn: Turn) -> JsonObject:
    call, attempt, usage = turn.call, turn.attempt, turn.call.usage
    return {
        "trace_id": turn.trace_id,
        "span_id": turn.span_id,
        "step_id": None if attempt is None else attempt.step,
        "attempt": None if attempt is None else attempt.number,
        "actor": turn.actor,
        "agent": turn.agent,
        "provider": call.provider,
        "request_model": call.request_model,
        "response_model": call.response_model,
        "status": turn.status,
        "error": turn.error,
        "finish_reason": turn.finish_reason,
        "started": turn.started,
        "ended": turn.ended,
        "input_tokens": None if usage is None else usage.input_tokens,
        "output_tokens": None if usage is None else usage.output_tokens,
        "cached_tokens": None if usage is None else usage.cached_tokens,
        "reasoning_tokens": None if usage is None else usage.reasoning_tokens,
        "reward": turn.reward,
        "reward_source": turn.reward_source,
        "truncated": turn.truncated,
        "stream_incomplete": turn.stream_incomplete,
        "unread_parts": turn.unread_parts,
        "messages": chat_messages(call.messages),
        "answer": None if turn.answer is None else chat_message(turn.answer),
        "tools": chat_tools(call.tools) or None,
    }


def _json(column: bytes | None) -> JsonValue:
    return None if column is None else load(column)

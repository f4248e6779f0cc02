"""What every training row says of where it comes from. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atlas_otel_exporters.encode import REVISION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlas_otel.models.json_types import JsonObject
    from atlas_otel_exporters.training.turn import Run, Turn

_OF_A_CALL: Final = ("trace_id", "actor", "model", "step_id", "attempt", "finish_reason", "valid")


def no_origin(run: Run) -> JsonObject:
    """The same keys for a row that is made of no model call."""
    return {
        **dict.fromkeys(_OF_A_CALL),
        "session_id": run.id,
        "session_key": run.key,
        "span_ids": [],
        "task_group": run.task_group,
        "agent": run.agent,
        "status": run.status,
        "reward": run.reward,
        "reward_source": None if run.reward is None else "session",
        "session_reward": run.reward,
        "truncated": False,
        "stream_incomplete": False,
        "unread_parts": 0,
    }


def origin(turns: Sequence[Turn], revision: int | None = None) -> JsonObject:
    """Whose calls a row is made of, how they ended, what they were worth: of the last one, where they differ.

    ``truncated`` and ``stream_incomplete`` are true where they are of any call; ``unread_parts`` is of the last one,
    which was given all that stands before it.
    """
    last = turns[-1]
    run, attempt = last.run, last.attempt
    said: JsonObject = {
        "session_id": run.id,
        "session_key": run.key,
        "span_ids": [turn.span_id for turn in turns],
        "trace_id": last.trace_id,
        "task_group": run.task_group,
        "actor": last.actor,
        "agent": last.agent,
        "model": last.model,
        "step_id": None if attempt is None else attempt.step,
        "attempt": None if attempt is None else attempt.number,
        "status": last.status,
        "finish_reason": last.finish_reason,
        "valid": None if attempt is None else attempt.valid,
        "reward": last.reward,
        "reward_source": last.reward_source,
        "session_reward": run.reward,
        "truncated": any(turn.truncated for turn in turns),
        "stream_incomplete": any(turn.stream_incomplete for turn in turns),
        "unread_parts": last.unread_parts,
    }
    return said if revision is None else {**said, REVISION: revision}

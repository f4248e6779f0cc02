"""What earlier sessions of the same learning key came to: the next run's routing and drift look at it.

Reading it may fail or take too long: a run goes on without, and says so.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from atlas_otel.models.json_types import JsonObject, JsonValue

NOTE_LENGTH: Final = 400
"""Characters of a learning note that an entry keeps."""
HIGH_SCORE: Final = 0.8
LOW_SCORE: Final = 0.5
READ_TIMEOUT_S: Final = 5.0
FLUSH_TIMEOUT_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class EarlierSession:
    """An ended session of the key."""

    score: float | None
    uncertainty: float | None
    student_learning: str | None
    teacher_learning: str | None
    execution_mode: str | None
    created_at: datetime | None
    completed_at: datetime | None


def summarize(sessions: Sequence[EarlierSession], *, limit: int) -> JsonObject:
    """``learning_history`` as the metadata holds it: the newest ``limit`` of ``sessions`` (newest first), oldest first.

    ``count`` is the number of entries, ``total_count`` that of ``sessions``.
    """
    shown = list(reversed(sessions[:limit]))
    entries: list[JsonValue] = [_entry(session) for session in shown]
    history: JsonObject = {
        "count": len(entries),
        "total_count": len(sessions),
        "entries": entries,
        "limit": limit,
    }
    scores = [session.score for session in shown if session.score is not None]
    everything = [session.score for session in sessions if session.score is not None]
    if scores:
        history["scores"] = list(scores)
        history["average_score"] = sum(scores) / len(scores)
        history["overall_average_score"] = sum(everything) / len(everything)
    history["recent_high_score_streak"] = _streak(scores, lowest=HIGH_SCORE)
    history["recent_low_score_streak"] = _streak(scores, highest=LOW_SCORE)
    return history


def _entry(session: EarlierSession) -> JsonObject:
    return {
        "score": session.score,
        "uncertainty": session.uncertainty,
        "execution_mode": session.execution_mode,
        "student_learning": _short(session.student_learning),
        "teacher_learning": _short(session.teacher_learning),
        "created_at": session.created_at.isoformat() if session.created_at else None,
        "completed_at": session.completed_at.isoformat() if session.completed_at else None,
    }


def _short(note: str | None) -> str | None:
    return note if note is None or len(note) <= NOTE_LENGTH else note[: NOTE_LENGTH - 1] + "…"


def _streak(scores: Sequence[float], *, lowest: float = float("-inf"), highest: float = float("inf")) -> int:
    count = 0
    for score in reversed(scores):
        if not lowest <= score <= highest:
            break
        count += 1
    return count


def read_history(database_url: str, learning_key: str, limit: int) -> list[EarlierSession]:
    """The last ``limit`` ended sessions of the key, newest first. Blocks; raises StoreError or ConfigError.

    A score that no judge gave (``reward.raw.failed``) is left out of its entry.
    """
    from atlas_otel.postgres.connect import connect, quiet
    from atlas_otel.postgres.failures import translating

    sql = files("atlas_otel.runtime").joinpath("learning_history.sql").read_bytes()
    timeout_ms = int(READ_TIMEOUT_S * 1000)
    with translating(database_url), quiet(), connect(database_url, statement_timeout_ms=timeout_ms) as connection:
        rows = connection.execute(sql, {"learning_key": learning_key, "limit": limit}).fetchall()
    return [EarlierSession(*row) for row in rows]


async def earlier_sessions(
    database_url: str, learning_key: str, limit: int, flush: Callable[[float], Any] | None
) -> list[EarlierSession]:
    """:func:`read_history` off the event loop; what this process ran of the key is stored first, if it can be in time.

    ``flush`` waits for what was recorded so far, for as many seconds as it is given.
    """
    if flush is not None and _ran_before(learning_key):
        await asyncio.to_thread(flush, FLUSH_TIMEOUT_S)
    return await asyncio.to_thread(read_history, database_url, learning_key, limit)


_KEYS_KNOWN: Final = 10_000
_keys: dict[str, None] = {}


def _ran_before(learning_key: str) -> bool:
    """Whether this process has begun a session of the key before; remembers that it now does."""
    known = learning_key in _keys
    _keys[learning_key] = None
    if len(_keys) > _KEYS_KNOWN:
        del _keys[next(iter(_keys))]
    return known

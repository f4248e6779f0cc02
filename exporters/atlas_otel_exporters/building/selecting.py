"""Which sessions a selection takes, without a server: what ``considered.sql`` and ``stretches.sql`` say. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from atlas_otel_exporters.building.jsonb_text import Number, read_json, text_of

if TYPE_CHECKING:
    from atlas_otel_exporters.selection import Selection
    from atlas_otel_exporters.stored import StoredSession


def is_asked(session: StoredSession, selection: Selection) -> bool:
    """Whether the session is one of those that the selection names, where it names some."""
    names = selection.session_ids
    return not names or session.key in names or session.id in names or str(session.id) in names


def why_skipped(session: StoredSession, selection: Selection) -> str | None:
    """Why a session is left out, in the words of the summary; None where it is taken."""
    status, review_status = session.status or "", session.review_status or ""
    if selection.statuses and status.lower() not in {one.lower() for one in selection.statuses}:
        return f"status {status}"
    if selection.review_statuses is not None and review_status.lower() not in selection.review_statuses:
        return f"review status {review_status}"
    created = session.created_at
    if selection.since is not None and created is not None and created < selection.since:
        return "before --since"
    if selection.until is not None and created is not None and created >= selection.until:
        return "not before --until"
    if selection.learning_key is not None and said(session, "learning_key") != selection.learning_key:
        return "another learning key"
    if selection.min_reward is not None:
        scores = (_score(column) for column in (session.reward_stats, session.reward))
        if next((score for score in scores if score is not None), -math.inf) < selection.min_reward:
            return "reward under --min-reward"
    return None


def conversation_of(session: StoredSession) -> str | None:
    """The conversation that a session is part of, if any."""
    return said(session, "conversation_id") or None


def said(session: StoredSession, name: str) -> str | None:
    """A key of the session's metadata as a text, as ``->>`` gives it."""
    held = read_json(session.metadata) if session.metadata is not None else None
    return text_of(held.get(name)) if isinstance(held, dict) else None


def _score(column: bytes | None) -> float | None:
    held = None if column is None else read_json(column)
    score = held.get("score") if isinstance(held, dict) else None
    return float(score) if isinstance(score, Number) else None

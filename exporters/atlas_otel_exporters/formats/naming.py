"""What every line of the training formats says about where it comes from. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_otel_exporters.encode import REVISION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlas_otel.models.json_types import JsonObject
    from atlas_otel_exporters.stored import StoredSession


def source(session: StoredSession, span_ids: Sequence[str], revision: int | None) -> JsonObject:
    """The ids of the session and its spans. ``session_key`` is null for sessions that the Atlas SDK recorded."""
    named: JsonObject = {"session_id": session.id, "session_key": session.key, "span_ids": list(span_ids)}
    return named if revision is None else {**named, REVISION: revision}

"""``--format atlas``: one ``AtlasSessionTrace`` per session, what the Atlas trainer reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_otel_exporters.encode import encode_session

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlas_otel_exporters.stored import StoredSession
    from atlas_otel_exporters.training.options import RowOptions


def atlas_lines(session: StoredSession, options: RowOptions, *, revision: int | None = None) -> Iterable[bytes]:
    """The session's one line."""
    yield encode_session(session, revision=revision, events=options.events)

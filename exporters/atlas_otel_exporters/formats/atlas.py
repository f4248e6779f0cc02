"""``--format atlas``: one ``AtlasSessionTrace`` per session, what the Atlas trainer reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_otel_exporters.encode import encode_session

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlas_otel_exporters.stored import StoredSession


def atlas_lines(session: StoredSession, *, revision: int | None = None) -> Iterable[bytes]:
    """The session's one line."""
    yield encode_session(session, revision=revision)

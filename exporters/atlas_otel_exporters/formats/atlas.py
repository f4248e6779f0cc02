"""``--format atlas``: one ``AtlasSessionTrace`` per session, what the Atlas trainer reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_otel_exporters.encode import encode_session
from atlas_otel_exporters.formats.whole_session import WholeSession

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlas_otel_exporters.stored import StoredSession
    from atlas_otel_exporters.training.options import RowOptions


class AtlasFormat(WholeSession):
    """Each session as its one line."""

    def __init__(self, options: RowOptions) -> None:
        super().__init__()
        self._events = options.events

    def __call__(self, session: StoredSession, *, revision: int | None = None) -> Iterable[bytes]:
        """The session's one line."""
        yield encode_session(session, revision=revision, events=self._events)

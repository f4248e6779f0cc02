"""``--format otlp``: a session's records as OTLP/JSON lines, to be sent again to any OTLP receiver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atlas_otel.otlp.encode import otlp_lines
from atlas_otel_exporters.formats.whole_session import WholeSession

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from atlas_otel.records.record import RecordSet
    from atlas_otel_exporters.stored import StoredSession

RUNNING: Final = "spans without an end, which OTLP has no form for"


class OtlpFormat(WholeSession):
    """The spans that a session was recorded as. ``records``: those of the session with a key."""

    reads_rows = False

    def __init__(self, records: Callable[[str], RecordSet]) -> None:
        super().__init__()
        self._records = records

    def __call__(self, session: StoredSession, *, revision: int | None = None) -> Iterable[bytes]:
        """The lines of one session; none where another program wrote its rows, or its records are gone."""
        if session.key is None:
            return
        records = self._records(session.key)
        if running := sum(not span.ended for span in records.spans.values()):
            self.left_out[RUNNING] += running
        yield from otlp_lines(records)

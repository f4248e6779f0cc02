"""The records that a database refused, which it keeps in ``atlas_otel.poison``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from atlas_otel.errors import RecordError
from atlas_otel.postgres.connect import connect, quiet
from atlas_otel.postgres.failures import translating
from atlas_otel.postgres.migrate import require_current
from atlas_otel.records.record import decode_record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from atlas_otel.records.record import Record


class PoisonRow(NamedTuple):
    """A row of ``atlas_otel.poison``. ``record`` is None where it cannot be decoded."""

    id: int
    reason: str
    refused_at: datetime
    record: Record | None
    stored: bytes


def read_poison(url: str) -> list[PoisonRow]:
    """All of them, oldest first. Raises StoreError."""
    with translating(url), quiet(), connect(url) as connection, connection.transaction():
        require_current(connection, url)
        rows = connection.execute("SELECT id, reason, created_at, record FROM atlas_otel.poison ORDER BY id")
        return [PoisonRow(number, reason, at, _decoded(record), record) for number, reason, at, record in rows]


def remove_poison(url: str, ids: Sequence[int]) -> int:
    """Delete these rows; how many there were. Raises StoreError, also where the role may not."""
    with translating(url), quiet(), connect(url) as connection, connection.transaction():
        return connection.execute("DELETE FROM atlas_otel.poison WHERE id = ANY (%s)", [list(ids)]).rowcount


def _decoded(stored: bytes) -> Record | None:
    try:
        return decode_record(stored)
    except RecordError:
        return None

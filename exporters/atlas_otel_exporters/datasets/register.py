"""The database's own list of the datasets that were made of its sessions: from a session to where it trains."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from atlas_otel.postgres.connect import connect, quiet
from atlas_otel.postgres.failures import translating
from atlas_otel.postgres.statements import statement
from atlas_otel_exporters.datasets.manifest import read_lineage

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from atlas_otel_exporters.datasets.manifest import Manifest

_PACKAGE: Final = "atlas_otel_exporters"
_AT_ONCE: Final = 5_000


class Holding(NamedTuple):
    """A dataset that holds rows of a session. ``folder``: where it was made last."""

    name: str
    format: str
    folder: str
    content_hash: str
    rows: int
    session_id: int
    session_key: str | None


def register_dataset(database_url: str, folder: Path, manifest: Manifest) -> None:
    """Have the database list the dataset in ``folder``; one of the same content stands there once.

    Raises UsageError where the lineage cannot be read, StoreError where the database does not take it: the role may
    only read, or the schema is older.
    """
    rows: Counter[tuple[int, str | None]] = Counter()
    for row in read_lineage(folder):
        rows[row.session_id, row.session_key] += 1
    listed = {
        "content_hash": manifest.content_hash,
        "name": manifest.name,
        "format": manifest.format,
        "folder": str(folder.resolve()),
        "manifest": orjson.dumps(orjson.loads(manifest.to_json())).decode(),
    }
    with translating(database_url), quiet(), connect(database_url) as connection, connection.transaction():
        found = connection.execute(statement("register_dataset", _PACKAGE), listed).fetchone()
        assert found is not None
        held = list(rows.items())
        for start in range(0, len(held), _AT_ONCE):
            some = held[start : start + _AT_ONCE]
            named = {
                "dataset": found[0],
                "ids": [number for (number, _), _ in some],
                "keys": [key for (_, key), _ in some],
                "rows": [count for _, count in some],
            }
            connection.execute(statement("register_sessions", _PACKAGE), named)


def datasets_holding(database_url: str, ids: Iterable[int], keys: Iterable[str]) -> list[Holding]:
    """The datasets that hold rows of these sessions, by their numbers or keys, oldest first; none where the schema is
    older than the list. Raises StoreError where the database cannot be read."""
    with translating(database_url), quiet(), connect(database_url) as connection:
        there = connection.execute("SELECT to_regclass('atlas_otel.dataset_sessions') IS NOT NULL").fetchone()
        if there is None or not there[0]:
            return []
        asked = {"ids": list(ids), "keys": list(keys)}
        return [Holding(*row) for row in connection.execute(statement("datasets_of", _PACKAGE), asked)]

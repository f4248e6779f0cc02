"""What a database archived, held against what its lake gives back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atlas_otel.lake.maintenance import LakeFault
from atlas_otel.lake.sessions import Stretch, digest_of, read_owned, read_sessions
from atlas_otel.postgres.archiving import ArchiveDesk
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.projection.project import project
from atlas_otel_exporters.differences import compare_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlas_otel.lake.table import Lake
    from atlas_otel.postgres.archiving import Archived

_AT_ONCE: Final = 50


def verify_archived(url: str, lake: Lake) -> Iterator[LakeFault]:
    """Each session that the database archived to this lake and that the lake does not give back as it was, by count and
    hash; and each difference of its rows, where they stay, from what its records come to."""
    with ArchiveDesk(url) as desk, PostgresStore(url, migrate_schema=False) as store:
        last = ""
        while some := desk.archived_after(str(lake.location), last, _AT_ONCE):
            last = some[-1].key
            yield from _faults(lake, store, some)


def _faults(lake: Lake, store: PostgresStore, some: list[Archived]) -> Iterator[LakeFault]:
    stretch = Stretch(min(one.first_ns for one in some), max(one.last_ns for one in some))
    keys = [one.key for one in some]
    owned = read_owned(lake, keys, stretch)
    sessions = read_sessions(lake, keys, stretch)
    for one in some:
        found = digest_of(owned[one.key])
        if (found.spans, found.events, found.hash) != (one.spans, one.events, one.digest):
            yield LakeFault(
                f"session {one.key}",
                f"{one.spans} spans and {one.events} events were archived; the lake gives {found.spans} and "
                f"{found.events}" + (", of other content" if found[:2] == (one.spans, one.events) else ""),
            )
        rows = store.rows(one.key)
        if rows is not None and not len(store.records(one.key)):
            for difference in compare_rows(one.key, project(sessions.get(one.key, owned[one.key])), rows):
                yield LakeFault(f"session {one.key}", str(difference))

"""A lake, opened: records appended to it and read back, whoever else writes or reads it meanwhile.

A writer adds files and then names them in one commit; of two that meet, the later commits again on top of the other's.
A reader holds on to one snapshot of each table. Nothing here waits for a lock of anybody.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from atlas_otel.errors import PermanentStoreError, SchemaError
from atlas_otel.lake import schema
from atlas_otel.lake.failures import quiet_logs, translating
from atlas_otel.lake.filters import among, both
from atlas_otel.lake.location import (
    CATALOG_NAME,
    CATALOG_SCHEMA,
    Location,
    catalog_uri,
    locate,
    storage_settings,
)
from atlas_otel.records.record import EventRecord

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from types import TracebackType

    import pyarrow as pa
    from pyiceberg.catalog.sql import SqlCatalog
    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.table import Table
    from typing_extensions import Self

    from atlas_otel.lake.schema import Row
    from atlas_otel.records.record import Record

TABLES: Final = (schema.SPANS, schema.SPAN_EVENTS, schema.TOMBSTONES)
_PROPERTIES: Final[Mapping[str, str]] = {
    "format-version": "2",
    "write.parquet.compression-codec": "zstd",
    "write.parquet.compression-level": "9",
    "write.target-file-size-bytes": str(256 * 1024 * 1024),
    # Rows of one file are sorted, so small groups of them are skipped well.
    "write.parquet.row-group-limit": "65536",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "10",
    "commit.manifest-merge.enabled": "true",
    "commit.retry.num-retries": "20",
    "commit.retry.min-wait-ms": "50",
    "commit.retry.max-wait-ms": "2000",
    # What only some readers know is not used: every engine merges records as we do, none needs Iceberg's deletes.
    "write.delete.mode": "copy-on-write",
    "write.update.mode": "copy-on-write",
    "write.merge.mode": "copy-on-write",
    "write.distribution-mode": "hash",
    # What is added while files are rewritten is no conflict: of a session that is deleted, a tombstone takes care.
    "write.delete.isolation-level": "snapshot",
    "write.update.isolation-level": "snapshot",
    "write.merge.isolation-level": "snapshot",
    schema.VERSION_PROPERTY: str(schema.VERSION),
}
_FILTERED_AT_ONCE: Final = 200
"""Owners in one filter: of more, a reader no longer tells which files hold none of them."""


def open_lake(url: str, catalog: str | None = None, *, database: str | None = None, create: bool = False) -> Lake:
    """The lake at ``url`` (a folder, or ``s3://bucket/prefix``). ``create``: make its tables where there are none.

    ``catalog``, ``database``: see :func:`atlas_otel.lake.location.locate`. Raises ConfigError where the place is named
    wrongly or the extra ``lake`` is not installed, SchemaError where there is no lake or a newer program made it, and
    StoreError where it cannot be reached.

    >>> with open_lake("/data/lake", create=True) as lake:  # doctest: +SKIP
    ...     lake.append(records)
    """
    lake = Lake(locate(url, catalog, database=database))
    lake.open(create=create)
    return lake


class Lake:
    """A lake; :func:`open_lake` makes one. For one thread at a time."""

    def __init__(self, location: Location) -> None:
        self.location = location
        self._catalog: SqlCatalog | None = None
        self._tables: dict[str, Table] = {}

    def open(self, *, create: bool) -> None:
        """Find the tables, or make them. As :func:`open_lake`."""
        with translating(self.location):
            quiet_logs()
            _refuse_unwritable(self.location, create=create)
            self._catalog = _open_catalog(self.location)
            for name in TABLES:
                self._tables[name] = self._found(name, create=create)

    def _found(self, name: str, *, create: bool) -> Table:
        from pyiceberg import exceptions

        assert self._catalog is not None
        identifier = (schema.NAMESPACE, name)
        try:
            table = self._catalog.load_table(identifier)
        except exceptions.NoSuchTableError:
            if not create:
                raise
            with suppress(exceptions.NamespaceAlreadyExistsError):
                self._catalog.create_namespace(schema.NAMESPACE)
            with suppress(exceptions.TableAlreadyExistsError):  # another made it meanwhile
                self._catalog.create_table(
                    identifier,
                    schema.iceberg_schema(name),
                    location=f"{self.location.warehouse}/{name}",
                    partition_spec=schema.partition_spec(name),
                    sort_order=schema.sort_order(name),
                    properties=dict(_PROPERTIES),
                )
            table = self._catalog.load_table(identifier)
        self._check(table, name)
        return table

    def _check(self, table: Table, name: str) -> None:
        held = table.location().replace("file:///", "file:/").rstrip("/")
        ours = f"{self.location.warehouse}/{name}".replace("file:///", "file:/")
        if held != ours:
            raise PermanentStoreError(
                f"the catalog of {self.location} is that of another lake ({table.location().rpartition('/')[0]}): "
                "one catalog names one lake"
            )
        columns = {column.name for column in schema.COLUMNS[name] if column.required}
        missing = columns - {field.name for field in table.schema().fields}
        if missing:
            raise SchemaError(f"table {name} of the lake {self.location} lacks {', '.join(sorted(missing))}")

    def table(self, name: str) -> Table:
        """The table of this name, as it was when it was last looked at (:meth:`refresh`)."""
        return self._tables[name]

    def refresh(self) -> None:
        """See what others wrote since."""
        with translating(self.location):
            for table in self._tables.values():
                table.refresh()

    def snapshots(self) -> dict[str, int | None]:
        """By table, the id of the snapshot that is read; None where nothing was written yet."""
        return {name: one.metadata.current_snapshot_id for name, one in self._tables.items()}

    def append(self, records: Iterable[Record], *, properties: Mapping[str, str] | None = None) -> None:
        """Append records, in one commit a table. Merged with what is there when somebody reads them.

        ``properties`` go into the snapshots' summaries. Raises RecordError where a record cannot be kept, and then
        none is; StoreError where the lake does not take them: then some may be there, and are the same again.
        """
        spans: list[Row] = []
        events: list[Row] = []
        for record in records:
            if isinstance(record, EventRecord):
                events.append(schema.event_to_row(record))
            else:
                spans.append(schema.span_to_row(record))
        self.append_rows({schema.SPAN_EVENTS: events, schema.SPANS: spans}, properties=properties)

    def append_rows(self, rows: Mapping[str, Sequence[Row]], *, properties: Mapping[str, str] | None = None) -> None:
        """The same for rows, by table (``schema.span_to_row`` and its kin)."""
        for name, some in rows.items():
            if some:
                self.append_arrow(name, schema.to_arrow(name, some), properties=properties)

    def append_arrow(self, name: str, data: pa.Table, *, properties: Mapping[str, str] | None = None) -> None:
        """The same for one table, as Arrow in the table's schema, sorted as :func:`schema.to_arrow` sorts."""
        self._writable(name)
        with translating(self.location):
            self._tables[name].append(data, snapshot_properties=dict(properties or {}))

    def _writable(self, name: str) -> None:
        stated = self._tables[name].properties.get(schema.VERSION_PROPERTY, "0")
        if not stated.isdigit() or int(stated) > schema.VERSION:
            raise SchemaError(
                f"the lake {self.location} is of schema {stated}, and this program writes {schema.VERSION}: upgrade "
                "atlas-otel; reading still works"
            )

    def scan(
        self,
        name: str,
        *,
        owners: Collection[str] | None = None,
        where: BooleanExpression | None = None,
        columns: Sequence[str] = ("*",),
        snapshot: int | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Rows of a table, a batch at a time: of these owners alone, and for which ``where`` holds."""
        with translating(self.location):
            if owners is None:
                yield from self._batches(name, both(where, None), columns, snapshot)
                return
            names = sorted(set(owners))
            for begin in range(0, len(names), _FILTERED_AT_ONCE):
                some = among("owner", names[begin : begin + _FILTERED_AT_ONCE])
                yield from self._batches(name, both(some, where), columns, snapshot)

    def _batches(
        self, name: str, where: BooleanExpression, columns: Sequence[str], snapshot: int | None
    ) -> Iterator[pa.RecordBatch]:
        scan = self._tables[name].scan(row_filter=where, selected_fields=tuple(columns), snapshot_id=snapshot)
        yield from scan.to_arrow_batch_reader()

    def tombstones(self) -> frozenset[tuple[str, str]]:
        """What was deleted: ``("session", key)`` and ``("trace", id)``."""
        return frozenset(
            (row["kind"], row["id"])
            for batch in self.scan(schema.TOMBSTONES, columns=("kind", "id"))
            for row in batch.to_pylist()
        )

    def close(self) -> None:
        """Let go of the catalog. Idempotent."""
        catalog, self._catalog = self._catalog, None
        self._tables = {}
        if catalog is not None:
            catalog.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _refuse_unwritable(location: Location, *, create: bool) -> None:
    """A folder that is none, or a catalog that would be made only to find no lake in it."""
    folder = location.folder
    if folder is not None and folder.exists() and not folder.is_dir():
        raise PermanentStoreError(f"the lake {location} is a file, not a folder")
    if not create and location.catalog.startswith("sqlite:"):
        from pathlib import Path

        if not Path(location.catalog.removeprefix("sqlite:")).exists():
            raise SchemaError(f"there is no lake at {location}: its catalog {location.catalog} does not exist")


def _open_catalog(location: Location) -> SqlCatalog:
    from pyiceberg.catalog.sql import SqlCatalog

    uri = catalog_uri(location)
    if not location.catalog.startswith("sqlite:"):
        _make_schema(location)
    settings: dict[str, Any] = {"uri": uri, "warehouse": location.warehouse, **storage_settings()}
    return SqlCatalog(CATALOG_NAME, **settings)


def _make_schema(location: Location) -> None:
    """The catalog's schema, where it is not there: by whoever may make one."""
    from atlas_otel.postgres.connect import connect, quiet
    from atlas_otel.postgres.failures import translating as of_postgres

    with of_postgres(location.catalog), quiet(), connect(location.catalog) as connection:
        row = connection.execute("SELECT to_regnamespace(%s) IS NOT NULL", [CATALOG_SCHEMA]).fetchone()
        if row is None or not row[0]:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {CATALOG_SCHEMA}")

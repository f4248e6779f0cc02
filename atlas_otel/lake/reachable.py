"""Which files of a table its snapshots name, and which are there."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyiceberg.table import Table


class PresentFile(NamedTuple):
    """A file in a table's folder. ``path``: without the scheme."""

    path: str
    size: int
    modified: datetime


class Reachable:
    """The files that a table's metadata names: of every snapshot, and the metadata itself. ``files``: paths without
    their scheme, since engines write ``file:/x`` and ``file:///x`` for one."""

    def __init__(self, table: Table, files: frozenset[str]) -> None:
        self.files = files
        self._table = table

    @classmethod
    def of(cls, table: Table) -> Reachable:
        """Those of a table as it is now; what others commit meanwhile is not among them."""
        table.refresh()
        named: set[str] = {table.metadata_location}
        named.update(entry.metadata_file for entry in table.metadata.metadata_log)
        named.update(statistics.statistics_path for statistics in table.metadata.statistics)
        seen: set[str] = set()
        for snapshot in table.snapshots():
            named.add(snapshot.manifest_list)
            for manifest in snapshot.manifests(table.io):
                if manifest.manifest_path in seen:
                    continue
                seen.add(manifest.manifest_path)
                named.add(manifest.manifest_path)
                entries = manifest.fetch_manifest_entry(table.io, discard_deleted=True)
                named.update(entry.data_file.file_path for entry in entries)
        return cls(table, frozenset(map(cls.plain, named)))

    @staticmethod
    def plain(location: str) -> str:
        """A location without its scheme."""
        parts = urlsplit(location)
        if parts.scheme == "file":
            return unquote(parts.path)
        return f"{parts.netloc}{parts.path}" if parts.scheme else location

    def present(self) -> Iterator[PresentFile]:
        """The files in the table's folder."""
        import pyarrow.fs as fs

        root = self.plain(self._table.location())
        for info in self._files().get_file_info(fs.FileSelector(root, recursive=True, allow_not_found=True)):
            if info.type == fs.FileType.File:
                yield PresentFile(info.path, info.size, info.mtime or datetime.now(timezone.utc))

    def remove(self, path: str) -> None:
        """Remove a file. Raises FileNotFoundError where it is gone."""
        self._files().delete_file(path)

    def _files(self) -> Any:
        parts = urlsplit(self._table.location())
        io: Any = self._table.io
        return io.fs_by_scheme(parts.scheme or "file", parts.netloc or None)

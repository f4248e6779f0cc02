"""The data that the demo's analyst works on: the packages installed in this environment, as a SQLite database.

Real data that every machine has: what ``importlib.metadata`` knows of each installed package. Nothing is guessed; a
package whose metadata lacks a name, or whose RECORD lacks a size, is loaded with what is there.
"""

from __future__ import annotations

import re
import sqlite3
from importlib import metadata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import PurePosixPath

_SCHEMA: Final = """
CREATE TABLE packages (name TEXT PRIMARY KEY, version TEXT NOT NULL, summary TEXT, requires_python TEXT);
CREATE TABLE files (package TEXT NOT NULL REFERENCES packages, path TEXT NOT NULL, suffix TEXT NOT NULL, bytes INTEGER);
CREATE TABLE requirements (package TEXT NOT NULL REFERENCES packages, needs TEXT NOT NULL, marker TEXT);
"""
_REQUIREMENT: Final = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)[^;]*(?:;\s*(.+))?$", re.DOTALL)
MAX_ROWS: Final = 50
"""More rows than any answer needs: a query that asks for everything does not fill the trace."""


class Catalogue:
    """The environment's packages in an in-memory database that can be read and nothing else."""

    def __init__(self, distributions: Iterable[metadata.Distribution] | None = None) -> None:
        """Load ``distributions`` (default: all that are installed)."""
        self._connection = sqlite3.connect(":memory:")
        self._connection.executescript(_SCHEMA)
        for distribution in metadata.distributions() if distributions is None else distributions:
            self._load(distribution)
        self._connection.commit()
        self._connection.execute("PRAGMA query_only = ON")

    def tables(self) -> dict[str, list[str]]:
        """The columns of each table."""
        names = self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        return {
            name: [row[1] for row in self._connection.execute(f'PRAGMA table_info("{name}")')]
            for (name,) in names.fetchall()
        }

    def query(self, sql: str) -> list[list[str | int | float | None]]:
        """The first :data:`MAX_ROWS` rows of a query. Raises sqlite3.Error where it is wrong."""
        return [list(row) for row in self._connection.execute(sql).fetchmany(MAX_ROWS)]

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close()

    def _load(self, distribution: metadata.Distribution) -> None:
        about = _about(distribution)
        name = canonical(about.get("Name", ""))
        if not name:
            return
        row = (name, about.get("Version", ""), about.get("Summary"), about.get("Requires-Python"))
        added = self._connection.execute("INSERT OR IGNORE INTO packages VALUES (?, ?, ?, ?)", row)
        if not added.rowcount:
            return  # a second copy further down the path, which Python would not import either
        self._connection.executemany(
            "INSERT INTO files VALUES (?, ?, ?, ?)",
            ((name, str(file), suffix_of(file), file.size) for file in distribution.files or ()),
        )
        found = (_REQUIREMENT.match(text) for text in distribution.requires or ())
        self._connection.executemany(
            "INSERT INTO requirements VALUES (?, ?, ?)",
            ((name, canonical(match[1]), match[2]) for match in found if match is not None),
        )


def _about(distribution: metadata.Distribution) -> dict[str, str]:
    """The metadata of a package; nothing where an interrupted installation left none."""
    try:
        # Looking up a field that is not there is deprecated: only those that are there are asked for.
        return {field: distribution.metadata[field] for field in distribution.metadata}
    except (TypeError, OSError, ValueError):  # what the Pythons raise where there is no METADATA file
        return {}


def canonical(name: str) -> str:
    """A package's name as package indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def suffix_of(file: PurePosixPath) -> str:
    """A file's suffix; that of a versioned shared library (``libx.so.5``) is ``.so``."""
    return ".so" if ".so." in file.name else file.suffix.lower()

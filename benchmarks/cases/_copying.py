"""psql's ``\\copy``, in binary, of what a database holds into another one: the limit for whoever writes."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg

SPANS: Final = "atlas_otel.spans"
ALL: Final = (
    *("atlas_otel.traces", "public.sessions", "atlas_otel.sessions", SPANS, "atlas_otel.span_events"),
    *("public.plans", "public.step_results", "public.step_attempts", "public.guidance_notes"),
    *("public.trajectory_events", "atlas_otel.trajectory"),
)
"""Every table that a stored and projected session has rows in, but for the resources; referenced ones first."""


class Copies:
    """The rows of some tables in files, and psql's way to put them into an empty database."""

    def __init__(self, folder: Path, tables: tuple[str, ...]) -> None:
        self.tables = tables
        self._folder = folder
        self._script = folder / "copy.sql"
        self._psql = psql()

    def dump(self, url: str) -> None:
        """Write the files, from what stands in the database."""
        self._run(url, [f"\\copy {table} to '{self._file(table)}' (format binary)" for table in self.tables])
        orders = (f"\\copy {table} from '{self._file(table)}' (format binary)\n" for table in self.tables)
        self._script.write_text("".join(orders), "utf-8")

    def load(self, url: str) -> None:
        """One psql, one COPY a table."""
        self._call([*self._arguments(url), "-f", str(self._script)])

    def _file(self, table: str) -> Path:
        return self._folder / table

    def _arguments(self, url: str) -> list[str]:
        return [self._psql, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname", url]

    def _run(self, url: str, orders: list[str]) -> None:
        self._call([*self._arguments(url), *(part for order in orders for part in ("-c", order))])

    def _call(self, command: list[str]) -> None:
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def psql() -> str:
    """The client program. ``ATLAS_OTEL_BENCH_PSQL`` names another one than the first on the path.

    Raises FileNotFoundError where there is none.
    """
    found = os.environ.get("ATLAS_OTEL_BENCH_PSQL") or shutil.which("psql")
    if found is None:
        raise FileNotFoundError("psql is not installed; ATLAS_OTEL_BENCH_PSQL may name it")
    return found


def counts(connection: psycopg.Connection, tables: tuple[str, ...] = ALL) -> dict[str, int]:
    """How many rows each table has."""
    found = {}
    for table in tables:
        row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
        found[table] = int(row[0]) if row else 0
    return found


def wipe(connection: psycopg.Connection) -> None:
    """Empty all tables, but for the resources, which a writer knows to be there; and let the server settle."""
    connection.execute(f"TRUNCATE {', '.join(ALL)} RESTART IDENTITY CASCADE".encode())
    connection.execute("CHECKPOINT")

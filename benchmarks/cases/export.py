"""``atlas-otel export``, beside what bounds it and beside the Atlas SDK's exporter over the same database.

The bound is raw ``COPY TO`` of the six tables that an export reads, over one connection into a file each. The export
writes whole lines into one file: plans, steps with their context, every event twice, as the format asks. Both write to
memory (``/dev/shm``) where there is some: what a disk takes is the same for everybody. The Atlas SDK's exporter runs in
one process with ours, in its own environment, over the first sessions of the same database, whose events have an index.
Memory is the largest resident size of a process that does nothing but export.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson
import psycopg
from psycopg import sql

from atlas_otel_exporters import export_jsonl
from benchmarks.cases._sessions import TABLES, fill
from benchmarks.commit import ROOT
from benchmarks.environments import NotInstalled, peer_python
from benchmarks.finding import Finding, Ratio
from benchmarks.measuring import alternate, rate_ratio
from benchmarks.postgres import server

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.options import Options

_LIMIT_S: Final = 600.0
_FLOOR: Final = "raw `COPY TO` of the six tables"
_ARC: Final = "arc-atlas' exporter, the same process and database"
_COMPARED: Final = 100
_ROOM: Final = 4 * 1024**3
_ALONE: Final = """
import resource, sys
from atlas_otel_exporters import export_jsonl
limit = int(sys.argv[3])
assert export_jsonl(sys.argv[2], database_url=sys.argv[1], limit=limit).sessions == limit
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def measure(options: Options) -> Iterable[Finding]:
    """Speed over large and small sessions, beside the Atlas SDK, and memory."""
    with server() as postgres, _folder() as folder:
        large = postgres.database()
        fill(large, options.pick(2_000, 200), 2)
        yield _beside_copy(large, Path(folder), options)
        yield from _beside_arc_atlas(large, Path(folder), options)
        postgres.drop(large)
        small = postgres.database()
        many = options.pick(10_000, 1_000)
        fill(small, many, 0)
        yield _beside_copy(small, Path(folder), options)
        yield from _memory(small, Path(folder), many)


def _folder() -> tempfile.TemporaryDirectory[str]:
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > _ROOM
    return tempfile.TemporaryDirectory(prefix="atlas-otel-bench-", dir=memory if roomy else None)


def _beside_copy(url: str, folder: Path, options: Options) -> Finding:
    lines, events = _loaded(url, folder / "checked.jsonl")
    size = (folder / "checked.jsonl").stat().st_size
    (folder / "checked.jsonl").unlink()

    def copy() -> None:
        with psycopg.connect(url) as connection:
            for table in TABLES:
                query = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))
                with connection.cursor().copy(query) as rows, (folder / table).open("wb") as file:
                    for row in rows:
                        file.write(row)

    def export() -> None:
        if export_jsonl(folder / "out.jsonl", database_url=url).sessions != lines:
            raise RuntimeError("a round did not export every session")

    taken = alternate({"ours": export, "copy": copy}, options.rounds)
    return Finding(
        f"export of {lines:,} sessions of {size // lines // 1024} KB",
        _FLOOR,
        0.5,
        rate_ratio(taken["ours"], taken["copy"]),
        better="higher",
        checked=f"every line loaded: {lines:,} sessions with all {events:,} events",
    )


def _loaded(url: str, path: Path) -> tuple[int, int]:
    """How many sessions and events the lines of an export hold, which is what the database holds."""
    export_jsonl(path, database_url=url)
    with path.open("rb") as file:
        held = [len(orjson.loads(line)["trajectory_events"]) for line in file]
    with psycopg.connect(url) as connection:
        query = "SELECT (SELECT count(*) FROM sessions), (SELECT count(*) FROM trajectory_events)"
        stored = connection.execute(query).fetchone()
    if stored != (len(held), sum(held)):
        raise RuntimeError(f"{len(held)} lines with {sum(held)} events were exported of {stored}")
    return len(held), sum(held)


def _beside_arc_atlas(url: str, folder: Path, options: Options) -> Iterable[Finding]:
    path, goal = f"export of {_COMPARED} of these sessions", 4.0
    try:
        python = peer_python("arc_atlas")
    except NotInstalled as reason:
        yield Finding(path, _ARC, goal, better="higher", note=f"arc-atlas cannot be installed: {reason}")
        return
    command = [python, "-m", "benchmarks.cases._export_beside_arc_atlas", url, str(folder)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "exporters")))}
    done = subprocess.run(
        [*command, str(_COMPARED), str(options.rounds)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
        check=False,
    )
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["arc-atlas' exporter failed"])[-1])
    said = json.loads(done.stdout.splitlines()[-1])
    yield Finding(
        path,
        _ARC,
        goal,
        Ratio(**said["speed"]),
        better="higher",
        checked=f"both wrote the same {said['events']:,} events of {_COMPARED} sessions",
    )


def _memory(url: str, folder: Path, many: int) -> Iterable[Finding]:
    few = many // 10
    used = {count: _alone(url, folder / "alone.jsonl", count) for count in (few, many)}
    yield Finding(
        f"memory of an export of {many:,} sessions",
        "",
        120.0,
        value=float(used[many]),
        unit="MB",
        checked="the largest resident size of a process of its own; every session was exported",
        note=f"of {few:,} sessions: {used[few]} MB",
    )


def _alone(url: str, path: Path, sessions: int) -> int:
    """The most memory that an export took, in MiB."""
    command = [sys.executable, "-c", _ALONE, url, str(path), str(sessions)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout)

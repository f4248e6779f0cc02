"""What ``lake build`` costs: ``python -m benchmarks.build --sessions 600 3000``; ``--spark``: on one and two workers.

The traffic is that of ``benchmarks.scaling``, as often as is asked for. Processor time is of the whole command,
its workers with it; wall time says what happened, beside whatever else the machine did, whose load is printed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from functools import cache
from hashlib import blake2b, sha256
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from atlas_otel.capture.capture import Capture
from atlas_otel.lake.shipping import code_archive
from atlas_otel.lake.table import open_lake
from atlas_otel.otlp.protobuf import decode_protobuf
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.records.store import Patience
from atlas_otel.settings import resolve
from benchmarks.commit import ROOT
from benchmarks.postgres import server
from benchmarks.scaling import traffic

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from atlas_otel.records.record import Record

_ONCE = 200
"""Sessions that are made; more are copies of these under other keys."""
_AT_ONCE = 20_000
_EVERYTHING = ("--format", "atlas", "--include-all-statuses", "--quiet")


class Cost(NamedTuple):
    """Of one command: processor time and wall time in seconds, and a digest of what it wrote."""

    what: str
    cpu_s: float
    wall_s: float
    digest: str


def records(sessions: int) -> Iterator[Record]:
    """The records of so many sessions."""
    made = _made()
    for copy in count():
        done = copy * _ONCE
        if done >= sessions:
            return
        for record in made:
            yield record._replace(
                trace_id=_other(record.trace_id, copy),
                session_key=None if record.session_key is None else _other(record.session_key, copy),
            )


@cache
def _made() -> list[Record]:
    """Once: the provider that makes them ends with them."""
    capture = Capture.from_settings(resolve({}, {}), on_loss=lambda _: None)
    return [one for request in traffic.make(_ONCE).requests for one in decode_protobuf(request, capture).records]


def _other(name: str, copy: int) -> str:
    return blake2b(f"{copy}:{name}".encode(), digest_size=16).hexdigest()


def fill_lake(place: Path, sessions: int) -> None:
    """Put them into a lake, some at a time."""
    held: list[Record] = []
    with open_lake(str(place), create=True) as lake:
        for record in records(sessions):
            held.append(record)
            if len(held) >= _AT_ONCE:
                lake.append(held)
                held = []
        lake.append(held)


def fill_postgres(url: str, sessions: int) -> None:
    """Store them, and compute their rows."""
    held: list[Record] = []
    with PostgresStore(url, patience=Patience(0, 0)) as store:
        for record in records(sessions):
            held.append(record)
            if len(held) >= 512:
                store.write(held)
                held = []
        store.write(held)
        while store.project():
            pass


def run(what: str, output: Path, command: Sequence[str], settings: Mapping[str, str]) -> Cost:
    """Run a command that writes ``output``."""
    output.unlink(missing_ok=True)
    began = time.monotonic()
    process = subprocess.Popen([*command, "--output", str(output), *_EVERYTHING], env={**os.environ, **settings})
    _, status, used = os.wait4(process.pid, 0)
    took, process.returncode = time.monotonic() - began, os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{what}: exit {process.returncode}")
    digest = sha256(output.read_bytes()).hexdigest()[:12]
    return Cost(what, used.ru_utime + used.ru_stime, took, digest)


def measure(sessions: int, folder: Path, *, spark: bool) -> Iterator[Cost]:
    """Fill a lake and a database with so many sessions, and build."""
    lake, output = folder / f"lake-{sessions}", folder / "built.jsonl"
    atlas_otel = [sys.executable, "-m", "atlas_otel"]
    fill_lake(lake, sessions)
    settings = {"ATLAS_OTEL_LAKE": str(lake), "ATLAS_OTEL_DATABASE_URL": ""}
    for workers in ("1", "2"):
        name = f"local, {workers} worker{'s' * (workers != '1')}"
        yield run(name, output, [*atlas_otel, "lake", "build", "--workers", workers], settings)
    with server() as postgres:
        url = postgres.database()
        fill_postgres(url, sessions)
        yield run("export from Postgres, its client", output, [*atlas_otel, "export"], {"ATLAS_OTEL_DATABASE_URL": url})
    if spark:
        yield from _on_spark(folder, output, settings)


def _on_spark(folder: Path, output: Path, settings: Mapping[str, str]) -> Iterator[Cost]:
    sys.path.insert(0, str(ROOT / "scripts"))
    from spark_cluster import cluster, spark_python  # type: ignore[import-not-found]

    python = spark_python(ROOT / "tests" / "peers" / "lake-spark.txt")
    if not (folder / "code").exists():
        with zipfile.ZipFile(code_archive(folder)) as code:
            code.extractall(folder / "code")
    own = {**settings, "PYTHONPATH": str(folder / "code"), "SPARK_LOCAL_IP": "127.0.0.1"}
    for workers in (1, 2):
        place = Path(tempfile.mkdtemp(dir=folder))
        with cluster(python, place, workers=workers) as spark:
            conf = [part for key, value in spark.settings.items() for part in ("--conf", f"{key}={value}")]
            command = [
                python,
                "-m",
                "atlas_otel",
                "lake",
                "build",
                "--engine",
                "spark",
                "--master",
                spark.master,
                *conf,
            ]
            name = f"spark, {workers} executor{'s' * (workers != 1)} (its driver)"
            yield run(name, output, command, own)


def main() -> int:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, nargs="+", default=[600, 3000])
    parser.add_argument("--spark", action="store_true", help="on a cluster of one and of two workers too (Java)")
    asked = parser.parse_args()
    print("| sessions | spans | what | processor time | wall time | µs a span | hash |")
    print("|---:|---:|---|---:|---:|---:|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for sessions in asked.sessions:
            number = -(-sessions // _ONCE) * _ONCE
            spans = number * traffic.SPANS
            for cost in measure(number, Path(folder), spark=asked.spark):
                each = cost.cpu_s * 1e6 / spans
                print(
                    f"| {number:,} | {spans:,} | {cost.what} | {cost.cpu_s:.1f} s | {cost.wall_s:.1f} s | {each:,.0f} "
                    f"| `{cost.digest}` |",
                    flush=True,
                )
    print(f"\nload average {os.getloadavg()[0]:.1f}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())

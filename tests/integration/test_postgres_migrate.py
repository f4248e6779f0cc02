from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import psycopg
import pytest

from atlas_otel.errors import SchemaError
from atlas_otel.postgres import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator

# Column → type, as the contract (section 2) has them.
CONTRACT = {
    "sessions": {
        "id": "bigint", "task": "text", "status": "text", "metadata": "jsonb", "final_answer": "text",
        "reward": "jsonb", "reward_stats": "jsonb", "reward_audit": "jsonb", "student_learning": "text",
        "teacher_learning": "text", "review_status": "text", "review_notes": "text",
        "created_at": "timestamp with time zone", "completed_at": "timestamp with time zone",
    },
    "plans": {"session_id": "bigint", "plan": "jsonb"},
    "step_results": {
        "session_id": "bigint", "step_id": "integer", "trace": "text", "output": "text", "evaluation": "jsonb",
        "attempts": "integer", "metadata": "jsonb",
    },
    "step_attempts": {"session_id": "bigint", "step_id": "integer", "attempt": "integer", "evaluation": "jsonb"},
    "guidance_notes": {"session_id": "bigint", "step_id": "integer", "sequence": "integer", "note": "text"},
    "trajectory_events": {
        "id": "bigint", "session_id": "bigint", "event": "jsonb", "created_at": "timestamp with time zone",
    },
    "discovery_runs": {
        "id": "bigint", "project_root": "text", "task": "text", "source": "text", "payload": "jsonb",
        "metadata": "jsonb", "created_at": "timestamp with time zone",
    },
    "learning_registry": {
        "learning_key": "text", "student_learning": "text", "teacher_learning": "text", "metadata": "jsonb",
        "updated_at": "timestamp with time zone",
    },
}  # fmt: skip
INDEXES = {
    "sessions_learning_key_idx",
    "sessions_reward_score_idx",
    "sessions_created_at_idx",
    "sessions_metadata_gin_idx",
    "trajectory_events_session_id_idx",
}

# What earlier versions of the Atlas SDK made: first without rewards' statistics and reviews, then without reviews.
_OLD_CHILDREN = """
CREATE TABLE plans (session_id INTEGER PRIMARY KEY REFERENCES sessions(id) ON DELETE CASCADE, plan JSONB NOT NULL);
CREATE TABLE step_results (
    session_id INTEGER REFERENCES sessions(id) ON DELETE CASCADE, step_id INTEGER, trace TEXT, output TEXT,
    evaluation JSONB, attempts INTEGER, PRIMARY KEY (session_id, step_id)
);
CREATE TABLE trajectory_events (
    id SERIAL PRIMARY KEY, session_id INTEGER REFERENCES sessions(id) ON DELETE CASCADE, event JSONB NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW()
);
"""
OLDEST = f"""
CREATE TABLE sessions (
    id SERIAL PRIMARY KEY, task TEXT NOT NULL, status TEXT NOT NULL DEFAULT 'running', final_answer TEXT,
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(), completed_at TIMESTAMPTZ
);
{_OLD_CHILDREN}
"""
BEFORE_REVIEWS = f"""
CREATE TABLE sessions (
    id SERIAL PRIMARY KEY, task TEXT NOT NULL, status TEXT NOT NULL DEFAULT 'running', metadata JSONB,
    final_answer TEXT, reward JSONB, student_learning TEXT, teacher_learning TEXT,
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(), completed_at TIMESTAMPTZ
);
{_OLD_CHILDREN}
CREATE INDEX sessions_metadata_gin_idx ON sessions USING GIN (metadata);
"""


@pytest.fixture
def database(empty_database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        yield connection


def columns(database: psycopg.Connection) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in database.execute(
        "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'"
    ):
        found.setdefault(table, {})[column] = kind
    return found


def indexes(database: psycopg.Connection) -> set[str]:
    return {name for (name,) in database.execute("SELECT indexname FROM pg_indexes WHERE schemaname = 'public'")}


def test_an_empty_database_becomes_current(empty_database_url: str, database: psycopg.Connection) -> None:
    before = migrate.status(empty_database_url)
    assert (before.version, before.current) == (0, False)
    assert columns(database) == {}

    done = migrate.init(empty_database_url)

    assert done.pending == migrate.migrations()
    after = migrate.status(empty_database_url)
    assert after.current
    assert after.version == max(item.version for item in migrate.migrations())
    assert columns(database) == CONTRACT
    assert indexes(database) >= INDEXES


def test_long_values_are_compressed_by_lz4_where_the_server_has_it(database_url: str) -> None:
    # The wheel's server has it not, Debian's has: ATLAS_OTEL_TEST_DATABASE_URL.
    with psycopg.connect(database_url) as connection:
        setting = "SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression'"
        ((lz4,),) = connection.execute(setting).fetchall()
        found = connection.execute(
            """
            SELECT attrelid::regclass::text || '.' || attname, attcompression FROM pg_attribute
            WHERE attrelid IN (
                'sessions'::regclass, 'plans'::regclass, 'step_results'::regclass, 'step_attempts'::regclass,
                'guidance_notes'::regclass, 'trajectory_events'::regclass, 'atlas_otel.span_events'::regclass
            ) AND atttypid IN ('jsonb'::regtype, 'json'::regtype)
            """
        ).fetchall()
    columns = dict(found)
    assert {"trajectory_events.event", "step_results.metadata", "atlas_otel.span_events.payload"} <= columns.keys()
    assert set(columns.values()) == {"l" if lz4 else ""}


def test_children_go_with_their_session(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO sessions (task) VALUES ('t')")
        for statement in (
            "INSERT INTO plans VALUES (1, '{}')",
            "INSERT INTO step_results VALUES (1, 1)",
            "INSERT INTO step_attempts VALUES (1, 1, 1)",
            "INSERT INTO guidance_notes VALUES (1, 1, 1, 'n')",
            "INSERT INTO trajectory_events (session_id, event) VALUES (1, '{}')",
        ):
            connection.execute(statement)
        connection.execute("DELETE FROM sessions")
        for table in ("plans", "step_results", "step_attempts", "guidance_notes", "trajectory_events"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_a_second_init_does_nothing(database_url: str) -> None:
    assert migrate.init(database_url).pending == ()


@pytest.mark.parametrize("older", [OLDEST, BEFORE_REVIEWS], ids=["oldest", "before reviews"])
def test_a_database_of_an_older_sdk_is_brought_up_to_date_with_its_rows(
    empty_database_url: str, database: psycopg.Connection, older: str
) -> None:
    database.execute(older)
    database.execute("INSERT INTO sessions (task, final_answer) VALUES ('theirs', 'x')")
    database.execute("INSERT INTO step_results (session_id, step_id, output) VALUES (1, 1, 'o')")

    migrate.init(empty_database_url)

    assert columns(database) == CONTRACT
    assert indexes(database) >= INDEXES
    assert database.execute("SELECT task, status, final_answer, review_status FROM sessions").fetchall() == [
        ("theirs", "running", "x", "pending")
    ]
    assert database.execute("SELECT output, metadata FROM step_results").fetchall() == [("o", None)]


def test_the_sdks_schema_applies_over_ours(database_url: str) -> None:
    contract = migrate.migrations()[0]
    with psycopg.connect(database_url, autocommit=True) as connection:
        # Its schema is the contract's tables and indexes, each IF NOT EXISTS, and without our index.
        script = contract.script.partition("-- Ours:")[0]
        assert script.count("IF NOT EXISTS") > 20
        connection.execute(script.encode())
        assert columns(connection) == CONTRACT
    assert migrate.status(database_url).current


def test_several_at_once_make_one_schema(empty_database_url: str) -> None:
    results: list[int | BaseException] = []

    def init() -> None:
        try:
            results.append(len(migrate.init(empty_database_url).pending))
        except BaseException as error:
            results.append(error)

    threads = [threading.Thread(target=init) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(results) == [0, 0, 0, len(migrate.migrations())]  # type: ignore[type-var]


def test_a_migration_that_fails_leaves_nothing_behind(empty_database_url: str, database: psycopg.Connection) -> None:
    database.execute("CREATE SCHEMA atlas_otel; CREATE TABLE atlas_otel.spans (x integer)")
    with pytest.raises(Exception, match="already exists"):
        migrate.init(empty_database_url)
    assert columns(database) == {}
    assert migrate.status(empty_database_url).version == 0


def test_a_newer_schema_is_refused(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        query = (
            "INSERT INTO atlas_otel.schema_migrations (version, name, checksum, writers) VALUES (7000, 'x', 'y', 7000)"
        )
        connection.execute(query)
    for call in (migrate.status, migrate.init):
        with pytest.raises(SchemaError, match="version 7000, newer than this program's"):
            call(database_url)


def test_a_migration_that_was_changed_after_it_was_applied_is_noticed(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE atlas_otel.schema_migrations SET checksum = 'y' WHERE version = 1")
    with pytest.raises(SchemaError, match="another 0001_contract"):
        migrate.status(database_url)


def test_each_number_is_one_migration_s() -> None:
    numbers = [item.version for item in migrate.migrations()]
    assert numbers == sorted(set(numbers))

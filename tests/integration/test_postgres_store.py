from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
from datetime import datetime, timezone

import orjson
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from psycopg.conninfo import make_conninfo

from atlas_otel.errors import ConfigError, PermanentStoreError, RetryableStoreError, SchemaError, UsageError
from atlas_otel.models.rows import SessionRow, SessionRows, TrajectoryEventRow
from atlas_otel.postgres import projector
from atlas_otel.postgres.connect import quiet
from atlas_otel.postgres.reader import (
    StoredRecords,
    read_records_since,
    read_spans_of,
)
from atlas_otel.postgres.session_names import SessionIds, find_sessions
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.records.record import (
    RANK_OPEN,
    EventRecord,
    RecordSet,
    SpanEvent,
    SpanLink,
    SpanRecord,
    decode_record,
    encode_record,
    merge_spans,
)
from tests.support.projecting_store import ProjectingStore
from tests.support.records import make_span

T = 1_700_000_000_000_000_000


def span(number: int = 1, session: str | None = "s1", **fields: object) -> SpanRecord:
    return make_span(
        trace_id=f"{7:032x}",
        span_id=f"{number:016x}",
        session_key=session,
        name=f"span {number}",
        span_kind=1,
        start_ns=T + number * 1000,
        end_ns=T + number * 2000,
        status=1,
        attributes={"n": number},
        scope="tests",
        resource={"service.name": "tests"},
        version=T,
    )._replace(**fields)


def event(number: int, payload: str = "{}", **fields: object) -> EventRecord:
    return EventRecord(f"{7:032x}", f"{1:016x}", T + number, "s1", "atlas.metadata", payload)._replace(**fields)


def project(records: RecordSet) -> SessionRows | None:
    if not records.spans:
        return None
    first = min(records.spans.values(), key=lambda one: one.start_ns)
    return SessionRows(
        SessionRow(first.name, "succeeded", {"spans": len(records.spans)}, datetime.fromtimestamp(0, timezone.utc)),
        {"steps": []},
        events=[
            TrajectoryEventRow(one.start_ns, one.span_id, orjson.dumps({"n": one.name}).decode())
            for one in records.spans.values()
        ],
    )


@pytest.fixture
def store(database_url: str) -> PostgresStore:
    with ProjectingStore(database_url, project) as store:
        yield store


@pytest.fixture
def database(database_url: str) -> psycopg.Connection:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def trajectory(database: psycopg.Connection) -> list[tuple[int, str]]:
    return database.execute("SELECT id, event ->> 'n' FROM trajectory_events ORDER BY id").fetchall()


# --- exactness -------------------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),  # NUL too: JSON has an escape for it
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
ATTRIBUTES = st.dictionaries(TEXT, VALUES, max_size=4)


_numbers = itertools.count()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    attributes=ATTRIBUTES,
    resource=ATTRIBUTES,
    events=st.lists(st.builds(SpanEvent, TEXT, st.integers(0, 2**63 - 1), ATTRIBUTES), max_size=2),
    name=TEXT,
    message=st.none() | TEXT,
    payload=VALUES.map(lambda value: orjson.dumps(value).decode()),
)
def test_every_value_comes_back_exactly(
    store: PostgresStore,
    attributes: dict[str, object],
    resource: dict[str, object],
    events: list[SpanEvent],
    name: str,
    message: str | None,
    payload: str,
) -> None:
    key = f"example {next(_numbers)}"
    written = span(
        session=key,
        trace_id=key,
        attributes=attributes,
        resource=resource,
        events=events,
        name=name,
        status_message=message,
    )
    noted = event(1, payload, session_key=key, trace_id=key)

    assert store.write([written, noted]).poisoned == ()

    assert {encode_record(record) for record in store.records(key)} == {encode_record(written), encode_record(noted)}


# --- order -----------------------------------------------------------------------------------------------------------

# As bytes of UTF-8, as UTF-16, and as a dictionary has them, these stand in different orders.
WORDS = st.sampled_from(["", "a", "B", "_", " b", "é", "\uffff", "\U0001f600"])
MAYBE = st.none() | WORDS
SMALL = st.integers(0, 1)
HELD = st.dictionaries(WORDS, st.sampled_from([None, True, 1, 1.0, -0.0, 0.0, "", "é", [], [[]], {}]), max_size=2)
SAME_RANK = st.builds(
    dict,
    **dict.fromkeys(
        ["span_kind", "status", "start_ns", "dropped_attributes", "dropped_events", "dropped_links"], SMALL
    ),
    **dict.fromkeys(["parent_span_id", "kind", "status_message", "session_key"], MAYBE),
    **dict.fromkeys(["name", "scope"], WORDS),
    **dict.fromkeys(["attributes", "resource"], HELD),
    end_ns=st.sampled_from([None, -(2**63), -1, 0, 1]),
    events=st.lists(st.builds(SpanEvent, WORDS, SMALL, HELD), max_size=2),
    links=st.lists(st.builds(SpanLink, WORDS, WORDS, HELD), max_size=2),
    version=SMALL,
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(held=SAME_RANK, changed=SAME_RANK, fields=st.sets(st.sampled_from(SpanRecord._fields), max_size=2))
def test_of_two_records_of_a_span_the_server_keeps_the_one_that_a_merge_does(
    store: PostgresStore,
    database: psycopg.Connection,
    held: dict[str, object],
    changed: dict[str, object],
    fields: set[str],
) -> None:
    trace = f"same rank {next(_numbers)}"
    one = span(trace_id=trace, **held)
    other = one._replace(**{field: value for field, value in changed.items() if field in fields})

    for number, pair in enumerate(itertools.permutations([one, other])):
        for record in pair:
            assert store.write([record._replace(span_id=str(number))]).poisoned == ()

    kept = merge_spans(one, other)
    assert encode_record(merge_spans(other, one)) == encode_record(kept)
    for number in range(2):
        found = [record for record in read_spans_of(database, trace) if record.span_id == str(number)]
        assert list(map(encode_record, found)) == [encode_record(kept._replace(span_id=str(number), resource={}))]
        assert resource_of(database, trace, str(number)) == decode_record(encode_record(kept)).resource


def resource_of(database: psycopg.Connection, trace_id: str, span_id: str) -> object:
    return database.execute(
        "SELECT resources.attributes FROM atlas_otel.spans JOIN atlas_otel.resources ON hash = resource_hash "
        "WHERE trace_id = %s AND span_id = %s",
        [trace_id, span_id],
    ).fetchone()[0]


# --- poison ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad",
    [
        span(5, name="a\x00b"),
        span(5, name=None),
        span(5, session="k" * 1_000_000),
        event(5, "not JSON"),
        event(5, name="x\x00"),
    ],
    ids=["nul", "null", "key too long", "no json", "nul in an event"],
)
def test_a_record_that_the_server_refuses_is_set_aside_and_the_rest_goes_in(
    store: PostgresStore, database: psycopg.Connection, bad: SpanRecord | EventRecord
) -> None:
    good = [span(n) for n in range(1, 5)] + [span(n) for n in range(6, 20)] + [event(n) for n in range(4)]

    result = store.write([*good[:7], bad, *good[7:]])

    assert result.stored == len(good)
    assert [poisoned.record for poisoned in result.poisoned] == [bad]
    assert len(store.records("s1")) == len(good)
    (record, reason) = database.execute("SELECT record, reason FROM atlas_otel.poison").fetchone()
    assert bytes(record) == encode_record(bad)
    assert reason


def test_several_poisonous_records_are_each_found(store: PostgresStore) -> None:
    records = [span(n, name="\x00" if n % 5 == 0 else "fine") for n in range(1, 31)]

    result = store.write(records)

    assert result.stored == 24
    assert {poisoned.record.span_id for poisoned in result.poisoned} == {f"{n:016x}" for n in range(5, 31, 5)}


def test_records_that_cannot_become_rows_are_set_aside_also_amid_a_copy(store: PostgresStore) -> None:
    records = [span(n, attributes={"text": "x" * 50_000}) for n in range(1, 9)]
    bad = span(5, attributes={"n": 1 << 64})
    records[4] = bad

    result = store.write([*records, event(1), event(2, "\ud800")])

    assert result.stored == 8
    assert [poisoned.record for poisoned in result.poisoned] == [bad, event(2, "\ud800")]
    assert len(store.records("s1").spans) == 7
    assert len(store.records("s1").events) == 1


# --- projection ------------------------------------------------------------------------------------------------------


def test_row_ids_are_kept_and_stay_in_the_order_of_time(store: PostgresStore, database: psycopg.Connection) -> None:
    store.write([span(n) for n in (1, 2, 5, 6)])
    store.project()
    before = trajectory(database)

    store.mark_dirty()
    store.project()
    assert trajectory(database) == before

    store.write([span(9)])
    store.project()
    assert trajectory(database)[:4] == before

    store.write([span(3)])
    store.project()
    after = trajectory(database)
    assert [name for _, name in after] == [f"span {n}" for n in (1, 2, 3, 5, 6, 9)]
    assert after[:2] == before[:2]


def test_an_unchanged_session_is_not_written_again(store: PostgresStore, database: psycopg.Connection) -> None:
    written = "SELECT xmin::text FROM sessions UNION ALL SELECT xmin::text FROM plans"
    store.write([span(1)])
    store.project()
    before = database.execute(written).fetchall()
    state = "SELECT revision, projected_revision, changed_revision FROM atlas_otel.sessions"
    first = database.execute(state).fetchone()

    store.write([span(1)])
    assert store.project() == 1

    assert database.execute(written).fetchall() == before
    second = database.execute(state).fetchone()
    assert first[0] == first[1] == first[2]
    assert second[0] == second[1] > second[2] == first[2]


def test_a_session_keeps_its_id_and_rows_of_others_are_left_alone(
    store: PostgresStore, database: psycopg.Connection
) -> None:
    database.execute("INSERT INTO sessions (task, metadata) VALUES ('theirs', '{\"a\": 1}')")
    database.execute('INSERT INTO trajectory_events (session_id, event) VALUES (1, \'{"n": "theirs"}\')')
    others = (
        "SELECT s.xmin::text, e.xmin::text FROM sessions s JOIN trajectory_events e ON e.session_id = s.id "
        "WHERE s.id = 1"
    )
    before = database.execute(others).fetchall()

    store.write([span(1)])
    store.project()
    store.mark_dirty()
    store.write([span(2), span(1, "s2", trace_id="8" * 32)])
    store.project()

    assert database.execute(others).fetchall() == before
    assert database.execute("SELECT key, id FROM atlas_otel.sessions ORDER BY id").fetchall() == [("s1", 2), ("s2", 3)]
    assert find_sessions(database, ["s1", "2"]) == [SessionIds("s1", 2)]
    assert find_sessions(database, [1]) == [SessionIds(None, 1)]
    for unknown in ("99", "9" * 40):
        with pytest.raises(UsageError, match=unknown):
            find_sessions(database, [unknown])


def test_many_sessions_at_once_some_new_some_known(store: PostgresStore, database: psycopg.Connection) -> None:
    def some(numbers: range, version: int) -> list[SpanRecord]:
        ids = ((n, k) for n in reversed(numbers) for k in range(3))
        return [span(n * 10 + k, f"s{n:02}", name=f"{n}/{k}/{version}", version=T + version) for n, k in ids]

    store.write(some(range(0, 30, 2), 1))
    assert store.project() == 15
    store.write(some(range(40), 2))
    assert store.project() == 40

    for n in range(40):
        rows = store.rows(f"s{n:02}")
        assert rows is not None
        assert rows.session.task == f"{n}/0/2"
        assert [orjson.loads(event.event)["n"] for event in rows.events] == [f"{n}/{k}/2" for k in range(3)]
    began = "SELECT key FROM atlas_otel.sessions ORDER BY id"
    keys = [key for (key,) in database.execute(began).fetchall()]
    assert keys == [f"s{n:02}" for n in (*range(0, 30, 2), *range(1, 30, 2), *range(30, 40))]
    assert database.execute("SELECT count(*) FROM trajectory_events").fetchone() == (120,)


def test_what_is_read_at_once_fits_into_memory(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions that are large together are projected one after another, and one that is large alone by itself."""
    read: list[list[int]] = []

    def reading(connection: psycopg.Connection, since: dict[str, int]) -> dict[str, StoredRecords]:
        found = read_records_since(connection, since)
        read.append([len(one) for one in found.values()])
        return found

    monkeypatch.setattr(projector, "_RECORDS_PER_TRANSACTION", 10)
    monkeypatch.setattr(projector, "read_records_since", reading)
    store.write([span(900 + n, "s7", name=f"{n}") for n in range(15)])
    store.write([span(n * 10 + k, f"s{n}") for n in range(7) for k in range(3)])
    store.write([event(number, session_key="s6") for number in range(8)])

    assert store.project(limit=3) == 3
    assert store.project(limit=100) == 5
    assert store.project() == 0
    assert all(sum(counts) <= 10 or len(counts) == 1 for counts in read if counts)
    assert sorted(itertools.chain(*read)) == [3] * 6 + [11, 15]
    assert [store.rows(f"s{n}").session.metadata for n in range(8)] == [{"spans": 3}] * 7 + [{"spans": 15}]


def test_a_session_whose_rows_somebody_deleted_gets_new_ones(
    store: PostgresStore, database: psycopg.Connection
) -> None:
    store.write([span(1), span(2)])
    store.project()
    database.execute("DELETE FROM sessions")

    store.write([span(3)])
    store.project()

    assert database.execute("SELECT id, metadata FROM sessions").fetchall() == [(2, {"spans": 3})]
    assert len(trajectory(database)) == 3


def test_truncated_tables_can_be_built_again(store: PostgresStore, database: psycopg.Connection) -> None:
    store.write([span(1), span(2)])
    store.project()
    database.execute("TRUNCATE sessions RESTART IDENTITY CASCADE")
    assert database.execute("SELECT count(*) FROM atlas_otel.sessions").fetchone() == (0,)

    assert store.mark_dirty() == 1
    assert store.project() == 1

    assert len(trajectory(database)) == 2


def test_events_that_somebody_deleted_come_back(store: PostgresStore, database: psycopg.Connection) -> None:
    store.write([span(n) for n in range(1, 6)])
    store.project()
    database.execute("DELETE FROM trajectory_events WHERE event ->> 'n' IN ('span 2', 'span 5')")

    store.mark_dirty(["s1"])
    store.project()

    assert [name for _, name in trajectory(database)] == [f"span {n}" for n in range(1, 6)]


def test_a_session_that_cannot_be_projected_does_not_hold_up_the_others(
    database_url: str, database: psycopg.Connection
) -> None:
    def moody(records: RecordSet) -> SessionRows | None:
        names = {one.name for one in records.spans.values()}
        if "raises" in names:
            raise RuntimeError("no idea")
        rows = project(records)
        if "nul" in names and rows is not None:
            return SessionRows(SessionRow("\x00", "running", {}, rows.session.created_at), {})
        return rows

    with ProjectingStore(database_url, moody) as store:
        store.write([span(1, "a", name="raises"), span(2, "b", name="nul"), span(3, "c"), span(4, "d")])
        assert store.project() == 4
        assert store.project() == 0

        errors = "SELECT key, projection_error FROM atlas_otel.sessions ORDER BY key"
        found = dict(database.execute(errors).fetchall())
        assert found["a"] == "RuntimeError: no idea"
        assert "0x00" in found["b"]
        assert found["c"] is found["d"] is None
        assert store.rows("c") is not None

        store.write([span(1, "a", name="better", version=T + 1)])
        store.project()
        assert dict(database.execute(errors).fetchall())["a"] is None


def test_a_session_that_another_process_projects_is_skipped(store: PostgresStore, database: psycopg.Connection) -> None:
    store.write([span(1), span(2, "s2")])
    with database.transaction():
        database.execute("SELECT pg_advisory_xact_lock(1635019891, hashtext('s1'))")
        assert store.project() == 1
    assert store.project() == 1


def test_a_write_in_the_middle_of_a_projection_leaves_the_session_dirty(database_url: str) -> None:
    other = PostgresStore(database_url)

    def interrupted(records: RecordSet) -> SessionRows | None:
        if len(records) == 1:
            other.write([span(2)])
        return project(records)

    with other, ProjectingStore(database_url, interrupted) as store:
        store.write([span(1)])
        assert store.project() == 1
        assert store.project() == 1
        assert store.project() == 0
        assert store.rows("s1").session.metadata == {"spans": 2}


# --- several writers -------------------------------------------------------------------------------------------------


def test_revisions_of_a_session_rise_and_mark_what_each_write_stored(
    store: PostgresStore, database: psycopg.Connection
) -> None:
    store.write([span(1, rank=RANK_OPEN), span(2)])
    store.write([span(3), event(1)])
    store.write([span(1)])

    rows = database.execute("SELECT span_id, revision FROM atlas_otel.spans ORDER BY span_id").fetchall()
    revision = {int(span_id, 16): number for span_id, number in rows}
    assert revision[2] < revision[3] < revision[1]
    assert database.execute("SELECT revision FROM atlas_otel.span_events").fetchone() == (revision[3],)
    assert database.execute("SELECT revision FROM atlas_otel.sessions").fetchone() == (revision[1],)


def test_many_writers_of_the_same_sessions_and_spans_lose_nothing(database_url: str) -> None:
    failures: list[BaseException] = []

    def work(offset: int) -> None:
        try:
            with ProjectingStore(database_url, project) as store:
                for round_ in range(15):
                    mine = [span(offset * 1000 + round_ * 10 + n, f"s{n % 3}") for n in range(6)]
                    shared = [span(90_000 + n, f"s{n % 3}", version=T + round_) for n in range(6)]
                    batch = mine + shared
                    while True:
                        try:
                            store.write(batch if offset % 2 else batch[::-1])
                            break
                        except RetryableStoreError:
                            continue
                    store.project()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    with ProjectingStore(database_url, project) as store:
        while store.project():
            pass
        for n in range(3):
            assert len(store.records(f"s{n}")) == 4 * 15 * 2 + 2
            assert store.rows(f"s{n}").session.metadata == {"spans": 122}
            assert len(store.rows(f"s{n}").events) == 122


_WRITER = """
import sys
from atlas_otel.postgres.store import PostgresStore
from tests.support.projecting_store import ProjectingStore
from atlas_otel.records.record import SpanRecord
url, offset = sys.argv[1], int(sys.argv[2])
with PostgresStore(url) as store:
    for n in range(20):
        ids = "7" * 32, f"{offset + n:016x}", None, "s1"
        store.write([SpanRecord(*ids, "n", None, 1, n, n, 1, None, {}, (), (), "", {}, 5, n)])
"""


def test_several_processes_make_one_schema_and_write_one_session(empty_database_url: str) -> None:
    arguments = [sys.executable, "-W", "error", "-c", _WRITER, empty_database_url]
    writers = [
        subprocess.Popen([*arguments, str(1000 * n)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) for n in range(3)
    ]
    for writer in writers:
        output, errors = writer.communicate(timeout=60)
        assert (writer.returncode, output, errors) == (0, b"", b"")
    with PostgresStore(empty_database_url) as store:
        assert len(store.records("s1")) == 60


# --- failures --------------------------------------------------------------------------------------------------------


def test_a_cut_connection_is_retryable_and_the_next_call_connects_again(
    store: PostgresStore, admin: psycopg.Connection, database: psycopg.Connection
) -> None:
    store.write([span(1)])
    (name,) = database.execute("SELECT current_database()").fetchone()
    admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND application_name = 'atlas-otel'",
        [name],
    )

    with pytest.raises(RetryableStoreError):
        store.write([span(2)])
    store.write([span(2)])

    assert len(store.records("s1")) == 2


def test_an_unreachable_server_is_retryable_and_its_message_holds_no_password() -> None:
    store = PostgresStore("postgresql://ada:s3cret@127.0.0.1:1/runs")
    with pytest.raises(RetryableStoreError, match=r"database runs at 127\.0\.0\.1:1 as ada") as raised:
        store.write([span()])
    assert "s3cret" not in str(raised.value)


def test_a_missing_database_is_permanent(server_url: str) -> None:
    with pytest.raises(PermanentStoreError, match="nowhere"):
        PostgresStore(make_conninfo(server_url, dbname="nowhere")).write([span()])


def test_a_wrong_url_is_a_config_error() -> None:
    with pytest.raises(ConfigError):
        PostgresStore("nonsense").write([span()])


def test_a_newer_schema_is_refused(database_url: str, database: psycopg.Connection) -> None:
    database.execute(
        "INSERT INTO atlas_otel.schema_migrations (version, name, checksum, writers) VALUES (999, 'x', 'x', 999)"
    )
    with pytest.raises(SchemaError, match="newer than this program"):
        PostgresStore(database_url).write([span()])


def test_a_missing_schema_is_only_made_where_that_is_wanted(empty_database_url: str) -> None:
    with pytest.raises(SchemaError, match="atlas-otel db init"):
        PostgresStore(empty_database_url, migrate_schema=False).write([span()])
    with PostgresStore(empty_database_url) as store:
        assert store.write([span()]).stored == 1


def test_a_forked_child_writes_over_a_connection_of_its_own(store: PostgresStore) -> None:
    store.write([span(1)])
    child = os.fork()
    if child == 0:
        try:
            store.write([span(2)])
            store.close()
            os._exit(0)
        except BaseException:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    store.write([span(3)])
    assert len(store.records("s1")) == 3


def test_a_refused_record_is_named_even_where_it_cannot_be_kept(
    store: PostgresStore, database: psycopg.Connection
) -> None:
    database.execute("DROP TABLE atlas_otel.poison")

    result = store.write([span(1), span(2, name="\x00")])

    assert result.stored == 1
    assert [poisoned.record.span_id for poisoned in result.poisoned] == [f"{2:016x}"]
    assert store.write([span(3)]).stored == 1


def test_a_stream_of_duplicates_is_joined_like_any_other(store: PostgresStore) -> None:
    for round_ in range(12):
        for n in range(4):
            store.write([span(n), span(100 + round_ * 4 + n), event(n)])

    assert len(store.records("s1").spans) == 4 + 48
    assert len(store.records("s1").events) == 4


# --- being a guest ---------------------------------------------------------------------------------------------------


def test_instrumentations_are_told_to_leave_our_statements_alone() -> None:
    with quiet():
        assert not is_instrumentation_enabled()
    assert is_instrumentation_enabled()


_WRITER_ROLE = """
CREATE ROLE {role} LOGIN;
GRANT USAGE ON SCHEMA public, atlas_otel TO {role};
GRANT TEMPORARY ON DATABASE {database} TO {role};
GRANT SELECT ON atlas_otel.schema_migrations, atlas_otel.tombstones, atlas_otel.archived, atlas_otel.archived_traces
    TO {role};
GRANT SELECT, INSERT, UPDATE ON atlas_otel.sessions, atlas_otel.spans, atlas_otel.span_events, atlas_otel.trajectory,
    public.sessions, public.plans, public.step_results, public.step_attempts, public.guidance_notes,
    public.trajectory_events TO {role};
GRANT SELECT, INSERT ON atlas_otel.resources TO {role};
GRANT SELECT, INSERT, UPDATE ON atlas_otel.traces, atlas_otel.late_rewards TO {role};
GRANT INSERT ON atlas_otel.poison TO {role};
GRANT USAGE ON SEQUENCE atlas_otel.revisions, public.sessions_id_seq, public.trajectory_events_id_seq TO {role};
GRANT EXECUTE ON FUNCTION atlas_otel.remove_rows, atlas_otel.remove_events, atlas_otel.remove_emptied TO {role};
"""


def test_a_role_that_may_neither_delete_nor_change_the_schema_can_do_all_a_store_does(
    database_url: str, database: psycopg.Connection
) -> None:
    (name,) = database.execute("SELECT current_database()").fetchone()
    role = f"writer_{name}"
    database.execute(_WRITER_ROLE.format(role=role, database=name))
    try:
        with ProjectingStore(make_conninfo(database_url, user=role), project) as store:
            store.write([span(1, rank=RANK_OPEN), span(2), event(1), span(3, name="\x00")])
            store.project()
            store.write([span(1), span(2, version=T + 1, session="s2"), event(1), span(4)])
            store.project()
            store.write([span(9, session=None, trace_id=f"{9:032x}", attributes={"gen_ai.operation.name": "chat"})])
            store.project()
            store.write([span(10, session="s3", trace_id=f"{9:032x}")])
            store.project()
            assert len(store.records("s3").spans) == 2
            store.mark_dirty()
            store.project()
            assert store.rows("s1").session.metadata == {"spans": 2}
            assert [e.key for e in store.rows("s1").events] == [f"{1:016x}", f"{4:016x}"]
    finally:
        database.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")

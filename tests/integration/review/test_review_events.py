"""Review events in the database: appended, settled into the contract's columns, never lost and never overtaken."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

import atlas_otel as atlas
from atlas_otel.cli import main
from atlas_otel.errors import StoreError, UsageError
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.review.event import Act
from atlas_otel.review.store import Seen, StaleReview, read_events, record, training_marks
from atlas_otel.testing import recording
from atlas_otel_exporters.review import decide


@pytest.fixture
def sessions(database_url: str) -> list[int]:
    """Three recorded sessions."""
    with recording() as recorded:
        for number in range(3):
            with atlas.session(f"task {number}", name="agent") as session:
                with atlas.step("one", id=1), atlas.tool("t"):
                    pass
                session.final_answer = "done"
    with PostgresStore(database_url) as store:
        store.write(recorded.all)
        store.project()
    with psycopg.connect(database_url) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM public.sessions ORDER BY id")]


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as connected:
        yield connected


def _columns(connection: psycopg.Connection, session: int) -> tuple[str, str | None]:
    row = connection.execute("SELECT review_status, review_notes FROM public.sessions WHERE id = %s", [session])
    found = row.fetchone()
    assert found is not None
    return found


def _key(connection: psycopg.Connection, session: int) -> str:
    row = connection.execute("SELECT key FROM atlas_otel.sessions WHERE id = %s", [session]).fetchone()
    assert row is not None
    return str(row[0])


def test_what_reviewers_do_is_appended_and_settled(connection: psycopg.Connection, sessions: list[int]) -> None:
    first = sessions[0]
    acts = [Act("verdict", verdict="approved"), Act("note", text="fine"), Act("tag", text="gold")]
    with connection.transaction():
        done = record(connection, [first], acts, reviewer="ada", via="page")[first]
    assert _columns(connection, first) == ("approved", "fine")
    assert [one.kind for one in done.events] == ["verdict", "note", "tag"]
    with connection.transaction():
        record(connection, [first], [Act("undo", undoes=done.events[0].id)], reviewer="ada", via="page")
    assert _columns(connection, first) == ("pending", "fine")
    assert len(read_events(connection, [first])[first]) == 4
    assert _columns(connection, sessions[1]) == ("pending", None)


def test_the_command_writes_the_same_events(
    connection: psycopg.Connection, sessions: list[int], database_url: str
) -> None:
    assert main(["review", "approve", str(sessions[0]), "--database-url", database_url, "--note", "n", "--quiet"]) == 0
    (verdict, note) = read_events(connection, sessions)[sessions[0]]
    assert (verdict.verdict, verdict.final, verdict.via, note.text) == ("approved", True, "command", "n")
    assert verdict.reviewer
    assert _columns(connection, sessions[0]) == ("approved", "n")


def test_what_others_wrote_past_the_events_is_found_and_kept(
    connection: psycopg.Connection, sessions: list[int]
) -> None:
    first = sessions[0]
    connection.execute("UPDATE sessions SET review_status = 'quarantined', review_notes = 'x' WHERE id = %s", [first])
    with connection.transaction():
        record(connection, [first], [Act("tag", text="seen")], reviewer="ada", via="page")
    assert _columns(connection, first) == ("quarantined", "x")
    events = read_events(connection, [first])[first]
    assert [(one.kind, one.via) for one in events] == [("verdict", "database"), ("note", "database"), ("tag", "page")]
    # The same from the reference's command, after events.
    with connection.transaction():
        record(connection, [first], [Act("verdict", verdict="approved")], reviewer="ada", via="page")
    connection.execute("UPDATE sessions SET review_status = 'pending' WHERE id = %s", [first])
    with connection.transaction():
        record(connection, [first], [Act("tag", text="again")], reviewer="ada", via="page")
    assert _columns(connection, first)[0] == "pending"


def test_a_stale_reviewer_is_told_and_nothing_is_written(connection: psycopg.Connection, sessions: list[int]) -> None:
    first = sessions[0]
    revision = connection.execute("SELECT changed_revision FROM atlas_otel.sessions WHERE id = %s", [first]).fetchone()
    assert revision is not None
    seen = {first: Seen(revision[0], 0)}
    with connection.transaction():
        record(connection, [first], [Act("verdict", verdict="approved")], reviewer="ada", via="page", seen=seen)
    with pytest.raises(StaleReview) as told, connection.transaction():
        record(connection, [first], [Act("verdict", verdict="quarantined")], reviewer="bo", via="page", seen=seen)
    assert [one.reviewer for one in told.value.events] == ["ada"]
    assert _columns(connection, first) == ("approved", None)
    assert len(read_events(connection, [first])[first]) == 1


def test_a_session_that_changes_after_its_review_waits_again(
    connection: psycopg.Connection, sessions: list[int], database_url: str
) -> None:
    first, second = sessions[:2]
    decide(database_url, [first, second], "approved", note="as it was")
    assert main(["reward", _key(connection, first), "0.2", "--database-url", database_url, "--quiet"]) == 0
    with PostgresStore(database_url) as store:
        store.project()
    assert _columns(connection, first) == ("pending", "as it was")
    assert _columns(connection, second) == ("approved", "as it was")
    assert connection.execute(
        "SELECT changed, verdicts FROM atlas_otel.reviews WHERE session_id = %s", [first]
    ).fetchone() == (True, 0)
    decide(database_url, [first], "approved")
    assert _columns(connection, first) == ("approved", "as it was")


def test_who_projects_and_who_reviews_do_not_miss_each_other(
    connection: psycopg.Connection, sessions: list[int], database_url: str
) -> None:
    """The reviewer holds the session while it is projected: the projection waits, and has it wait again."""
    first = sessions[0]
    with recording() as recorded:
        atlas.record_reward(0.2, session_id=_key(connection, first))
    with PostgresStore(database_url) as store:
        store.write(recorded.all)

    def project() -> None:
        with PostgresStore(database_url) as store:
            store.project()

    thread = threading.Thread(target=project)
    with connection.transaction():
        record(connection, [first], [Act("verdict", verdict="approved")], reviewer="ada", via="page")
        thread.start()
        time.sleep(0.3)
    thread.join(20)
    assert not thread.is_alive()
    with PostgresStore(database_url) as store:
        store.project()
    assert _columns(connection, first)[0] == "pending"


def test_a_rebuild_keeps_events_and_a_deletion_takes_them(
    connection: psycopg.Connection, sessions: list[int], database_url: str
) -> None:
    decide(database_url, sessions[:2], "approved")
    before = read_events(connection, sessions)
    assert main(["rebuild", "--all", "--database-url", database_url, "--quiet"]) == 0
    assert read_events(connection, sessions) == before
    assert _columns(connection, sessions[0])[0] == "approved"
    assert main(["delete", "--session", str(sessions[0]), "--database-url", database_url, "--quiet"]) == 0
    assert set(read_events(connection, sessions)) == {sessions[1]}
    assert connection.execute("SELECT count(*) FROM atlas_otel.reviews").fetchone() == (1,)


def test_corrections_and_excluded_calls_are_what_exports_read(
    connection: psycopg.Connection, sessions: list[int]
) -> None:
    acts = [Act("correction", span_id="a" * 16, text="better"), Act("exclude", span_id="b" * 16, text="leaks")]
    with connection.transaction():
        record(connection, sessions[:1], acts, reviewer="ada", via="page")
        record(connection, sessions[1:2], [Act("tag", text="t")], reviewer="ada", via="page")
    marks = training_marks(connection, sessions)
    assert set(marks) == {sessions[0]}
    assert marks[sessions[0]].corrections == {"a" * 16: "better"}
    assert marks[sessions[0]].excluded == {"b" * 16}


def test_what_cannot_be_is_refused(connection: psycopg.Connection, sessions: list[int]) -> None:
    for ids, act, said in (
        ([10**9], Act("tag", text="t"), "there is no session 1000000000"),
        (sessions[:1], Act("undo", undoes=77), "has no review event 77"),
        (sessions[:1], Act("note", text="a\x00b"), "no database keeps"),
        (sessions[:1], Act("verdict", verdict="maybe"), "a verdict is one of"),  # type: ignore[arg-type]
    ):
        with pytest.raises(UsageError, match=said), connection.transaction():
            record(connection, ids, [act], reviewer="ada", via="page")


def test_only_a_role_that_may_review_records_and_nobody_rewrites(
    connection: psycopg.Connection, sessions: list[int], database_url: str
) -> None:
    role = f"looker_{os.getpid()}_{time.monotonic_ns()}"
    connection.execute(f"CREATE ROLE {role} LOGIN".encode())
    connection.execute(f"GRANT USAGE ON SCHEMA public, atlas_otel TO {role}".encode())
    connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public, atlas_otel TO {role}".encode())
    url = make_conninfo(database_url, user=role)
    try:
        with pytest.raises(StoreError, match="may not update review_status"):
            decide(url, sessions[:1], "approved")
        connection.execute(f"GRANT UPDATE (review_status, review_notes) ON public.sessions TO {role}".encode())
        decide(url, sessions[:1], "approved", reviewer="ada")
        assert _columns(connection, sessions[0])[0] == "approved"
        with psycopg.connect(url, autocommit=True) as theirs:
            for changing in (
                "UPDATE atlas_otel.review_events SET reviewer = 'x'",
                "DELETE FROM atlas_otel.review_events",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    theirs.execute(changing.encode())
    finally:
        connection.execute(f"DROP OWNED BY {role}".encode())
        connection.execute(f"DROP ROLE {role}".encode())

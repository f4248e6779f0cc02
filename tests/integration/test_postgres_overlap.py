"""Work that is done while the server keeps us waiting."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import psycopg
import pytest

from atlas_otel.postgres import overlap
from atlas_otel.postgres.connect import connect
from atlas_otel.postgres.overlap import OverlappingConnection

if TYPE_CHECKING:
    from collections.abc import Iterator


class Pieces:
    """Pieces of work, of which so many are there."""

    def __init__(self, count: int) -> None:
        self.left = count
        self.asked = 0

    def one(self) -> bool:
        self.asked += 1
        self.left -= self.left > 0
        return self.left > 0


@pytest.fixture
def connection(database_url: str) -> Iterator[OverlappingConnection]:
    with connect(database_url) as made:
        yield made


def test_work_is_done_while_a_statement_runs_and_its_result_is_there(connection: OverlappingConnection) -> None:
    pieces = Pieces(3)
    with connection.overlapping(pieces.one):
        found = connection.execute("SELECT pg_sleep(0.2), 7").fetchone()

    assert found == ("", 7)
    assert pieces.left == 0


def test_without_more_to_do_it_waits_as_any_connection(connection: OverlappingConnection) -> None:
    pieces = Pieces(0)
    with connection.overlapping(pieces.one):
        connection.execute("SELECT pg_sleep(0.3)")

    assert 1 <= pieces.asked <= 5  # once where it has to wait, not again and again


def test_what_is_answered_at_once_begins_nothing(
    connection: OverlappingConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlap, "_AT_ONCE_S", 10.0)  # a busy machine takes its time
    pieces = Pieces(1_000)
    with connection.overlapping(pieces.one):
        for _ in range(200):
            connection.execute("SELECT 1")

    assert pieces.asked == 0


def test_after_the_block_nothing_is_asked(connection: OverlappingConnection) -> None:
    pieces = Pieces(3)
    with connection.overlapping(pieces.one):
        pass
    connection.execute("SELECT pg_sleep(0.1)")

    assert pieces.asked == 0


def test_a_copy_goes_in_whole_with_work_in_between(connection: OverlappingConnection) -> None:
    pieces = Pieces(10_000)
    text = "x" * 1_000
    connection.execute("CREATE TEMP TABLE held (number INTEGER, said TEXT)")
    # A server that takes a moment now and then, however fast the machine is: rows that wait in between fill the socket.
    connection.execute(
        "CREATE FUNCTION pg_temp.rest() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN IF NEW.number % 2000 = 0 THEN PERFORM pg_sleep(0.1); END IF; RETURN NEW; END $$"
    )
    connection.execute("CREATE TRIGGER rest BEFORE INSERT ON held FOR EACH ROW EXECUTE FUNCTION pg_temp.rest()")
    with (
        connection.overlapping(pieces.one),
        connection.cursor() as cursor,
        cursor.copy("COPY held FROM STDIN") as copy,
    ):
        for number in range(20_000):
            copy.write_row((number, text))

    assert pieces.left < 10_000
    assert connection.execute("SELECT count(*), sum(number), min(said) = max(said) FROM held").fetchone() == (
        20_000,
        sum(range(20_000)),
        True,
    )


def test_what_the_server_refuses_is_raised(connection: OverlappingConnection) -> None:
    pieces = Pieces(3)
    with pytest.raises(psycopg.errors.DivisionByZero), connection.overlapping(pieces.one):
        connection.execute("SELECT 1 / 0 FROM pg_sleep(0.1)")

    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_what_the_work_raises_comes_out(connection: OverlappingConnection) -> None:
    def one() -> bool:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"), connection.overlapping(one):
        connection.execute("SELECT pg_sleep(0.1)")
    connection.close()


@pytest.mark.parametrize("overlapping", [False, True])
def test_a_server_that_is_silent_is_given_up(database_url: str, *, overlapping: bool) -> None:
    """One that enforces no time limit of its own, as if it were frozen."""
    with psycopg.connect(database_url) as other, connect(database_url) as connection:
        other.execute("LOCK TABLE public.sessions IN ACCESS EXCLUSIVE MODE")
        connection.silence_s = 0.3
        pieces = Pieces(3)
        with contextlib.ExitStack() as stack:
            if overlapping:
                stack.enter_context(connection.overlapping(pieces.one))
            with pytest.raises(psycopg.OperationalError, match=r"has not answered for 0\.3 s"):
                connection.execute("SELECT count(*) FROM public.sessions")
        assert connection.closed
        assert not (overlapping and pieces.left)


def test_a_server_that_answers_bit_by_bit_is_not_silent(connection: OverlappingConnection) -> None:
    connection.silence_s = 1.0
    with connection.cursor() as cursor:
        query = "SELECT repeat('x', 100000), pg_sleep(0.02) FROM generate_series(1, 100)"
        assert sum(1 for _ in cursor.stream(query)) == 100

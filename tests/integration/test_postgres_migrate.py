from __future__ import annotations

import psycopg

from atlas_otel.postgres import migrate


def test_an_empty_database_becomes_current(empty_database_url: str) -> None:
    before = migrate.status(empty_database_url)
    assert before.version == 0
    assert not before.current

    done = migrate.init(empty_database_url)

    assert [item.version for item in done.pending] == [item.version for item in migrate.migrations()]
    assert migrate.status(empty_database_url).current


def test_a_second_init_does_nothing(database_url: str) -> None:
    assert migrate.init(database_url).pending == ()
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM atlas_otel.spans").fetchone() == (0,)

"""``refused list|show|replay|drop`` over records that a database refused, and over those that broke the store."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import psycopg
import pytest

from atlas_otel.cli import main
from atlas_otel.delivery.refused import REFUSED_FILE, add_refused, read_refused, remove_refused
from atlas_otel.delivery.spool_folder import make_folder, target_folder
from atlas_otel.postgres.dsn import describe
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.records.record import SpanRecord
from atlas_otel.records.store import PoisonedRecord
from tests.support.records import make_span


def _span(number: int, name: str, **attributes: object) -> SpanRecord:
    return make_span(span_id=f"{number:016x}", session_key="5" * 32, name=name, attributes=attributes)


@pytest.fixture
def spool(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ATLAS_OTEL_DATABASE_URL", database_url)
    monkeypatch.setenv("ATLAS_OTEL_SPOOL_DIR", str(tmp_path / "spool"))
    make_folder(tmp_path / "spool", describe(database_url))
    return target_folder(tmp_path / "spool", describe(database_url))


@pytest.fixture
def refused(spool: Path, database_url: str) -> list[str]:
    """Two that the database refuses, in it; two that broke the store, in the spool. One of the latter is nonsense."""
    with psycopg.connect(database_url) as connection:
        connection.execute("ALTER TABLE atlas_otel.spans ADD CONSTRAINT no_bad CHECK (name NOT LIKE 'bad%')")
    with PostgresStore(database_url) as store:
        done = store.write([_span(1, "good"), _span(2, "bad", secret="hunter2"), _span(3, "bad too")])
        assert (done.stored, len(done.poisoned)) == (1, 2)
    assert add_refused(spool, [PoisonedRecord(_span(4, "broke", x=1e22), "KeyError")], 1 << 20)
    with (spool / REFUSED_FILE).open("ab") as file:
        file.write(b'{"reason":"ValueError","record":["x"]}\n')
    return [f"spool:{one.id}" for one in read_refused(spool)]


def test_they_are_listed_with_the_reason_and_without_content(
    refused: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["refused", "list"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("\n") == 4
    assert f"db:1  span {'1' * 32}/{2:016x} bad: " in shown
    assert "no_bad" in shown
    assert "hunter2" not in shown
    assert f"{refused[0]}  span {'1' * 32}/{4:016x} broke: KeyError" in shown
    assert f"{refused[1]}  a record that cannot be decoded: ValueError" in shown
    assert main(["refused", "list", "--json"]) == 0
    assert [one["id"] for one in json.loads(capsys.readouterr().out)] == ["db:1", "db:2", *refused]
    assert main(["refused", "show", "db:1"]) == 0
    assert "hunter2" in capsys.readouterr().out


def test_what_is_mended_is_stored_and_the_rest_stays(
    refused: list[str], spool: Path, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["refused", "replay", "--all"]) == 1
    said = capsys.readouterr()
    assert "stored 1 of 4 records" in said.out
    assert f"{refused[1]} stays: it cannot be decoded" in said.err
    assert "db:1 stays" in said.err
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM atlas_otel.poison").fetchone() == (2,), "not set aside twice"
        connection.execute("ALTER TABLE atlas_otel.spans DROP CONSTRAINT no_bad")
    assert main(["refused", "replay", "db:1", "db:2"]) == 0
    with PostgresStore(database_url) as store:
        records = store.records("5" * 32)
        assert sorted(span.name for span in records.spans.values()) == ["bad", "bad too", "broke", "good"]
        assert records.spans["1" * 32, f"{4:016x}"].attributes == {"x": 1e22}
        assert store.rows("5" * 32) is not None, "and computed"
    assert [f"spool:{one.id}" for one in read_refused(spool)] == refused[1:]


def test_what_is_dropped_is_gone(refused: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["refused", "drop", "db:2", refused[1]]) == 0
    assert "dropped 2 records" in capsys.readouterr().out
    assert main(["refused", "drop", "--all"]) == 0
    assert main(["refused", "list"]) == 0
    assert capsys.readouterr().out.endswith("no record was refused\n")


@pytest.mark.parametrize(
    "arguments", [["drop"], ["replay"], ["drop", "--all", "db:1"], ["drop", "db:9"], ["show", "x"]]
)
def test_a_wrong_call_changes_nothing(
    refused: list[str], arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["refused", *arguments]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert main(["refused", "list"]) == 0
    assert capsys.readouterr().out.count("\n") == 4


def test_nothing_that_is_added_meanwhile_is_lost(spool: Path) -> None:
    """An agent adds while a command takes out."""
    for number in range(50):
        add_refused(spool, [PoisonedRecord(_span(number, "old"), "r")], 1 << 24)
    old = [one.id for one in read_refused(spool)]

    def add() -> None:
        for number in range(100, 300):
            assert add_refused(spool, [PoisonedRecord(_span(number, "new"), "r")], 1 << 24)

    thread = threading.Thread(target=add)
    thread.start()
    for one in old:
        assert remove_refused(spool, [one]) == 1
    thread.join(60)
    left = [one.record.name for one in read_refused(spool) if isinstance(one.record, SpanRecord)]
    assert left == ["new"] * 200

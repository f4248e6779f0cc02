"""Segments of a living agent that another process cuts short, and spools that short processes leave behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psycopg
import pytest

from atlas_otel.delivery.accounts import Accounts
from atlas_otel.delivery.spool import SpoolJournal
from atlas_otel.delivery.spool_owner import used_bytes
from atlas_otel.records.record import EventRecord

_AGENT = """
    import json, os, sys, time
    from pathlib import Path
    import atlas_otel as atlas

    url, cut = sys.argv[1], int(sys.argv[2])
    telemetry = atlas.configure(database_url=url, console=False)

    @atlas.tool
    def work(number):
        return "x" * 500

    with atlas.session("cut short") as s:
        for number in range(300):
            work(number)
        for path in Path(os.environ["ATLAS_OTEL_SPOOL_DIR"]).rglob("*.seg"):
            os.truncate(path, cut)
        for number in range(300, 600):
            work(number)
        flushed = telemetry.flush(30)
        for number in range(600, 700):
            work(number)
    again = telemetry.flush(30)
    now = telemetry.accounts
    print(json.dumps([flushed, again, now.balances, now.spans.stored, dict(now.dropped), now.spans.spooled]))
"""


def _environment(spool: Path) -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "ATLAS_OTEL_"))}
    return {**inherited, "ATLAS_OTEL_SPOOL_DIR": str(spool), "ATLAS_OTEL_EXIT_TIMEOUT_S": "30"}


@pytest.mark.parametrize("cut", [0, 5000])
def test_an_agent_whose_segment_is_cut_short_goes_on_and_says_what_is_lost(
    database_url: str, tmp_path: Path, cut: int
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_AGENT), database_url, str(cut)],
        env=_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, (done.returncode, done.stderr)
    flushed, again, balances, stored, dropped, spooled = json.loads(done.stdout)
    assert balances
    assert spooled == 0
    assert stored + sum(dropped.values()) == 701
    assert set(dropped) <= {"spool_error"}
    assert flushed is (not dropped), "a flush is true only where the rows are there"
    assert again
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT count(*) FROM atlas_otel.spans WHERE name LIKE %s", ["execute_tool%"])
        (found,) = rows.fetchone() or (0,)
    assert found >= 400, "those after the cut are there"


def _left_by(program: str, spool: Path, count: int) -> None:
    for start in range(0, count, 8):
        some = [
            subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], env=_environment(spool))
            for _ in range(start, min(start + 8, count))
        ]
        for one in some:
            assert one.wait(60) in (0, -signal.SIGKILL)


_SHORT = """
    import os, signal, sys
    import atlas_otel as atlas
    atlas.configure(database_url="host=127.0.0.1 port=1 dbname=none", console=False)
    with atlas.session("short"):
        pass
    end = None
    if end == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    atlas.shutdown(0.1)
    sys.stderr = None
"""


def test_a_segment_takes_what_it_holds_when_its_owner_closes(tmp_path: Path) -> None:
    _left_by(_SHORT, tmp_path, 16)
    (folder,) = tmp_path.iterdir()
    assert len(list(folder.glob("*.seg"))) == 16
    assert used_bytes(folder) < 16 * 8_000


def test_what_killed_processes_reserved_makes_room_for_others(tmp_path: Path) -> None:
    _left_by(_SHORT.replace("end = None", 'end = "kill"'), tmp_path, 8)
    (folder,) = tmp_path.iterdir()
    before = used_bytes(folder)
    assert before >= 8 * 4 * 1024 * 1024
    accounts = Accounts()
    target = (folder / "target").read_text().strip()
    journal = SpoolJournal(accounts, target=target, root=tmp_path, max_bytes=before + 1024)
    record = EventRecord("1" * 32, "2" * 16, 1, None, "e", "{}")
    assert not journal.append(record), "it is full"
    journal.prepare()
    assert used_bytes(folder) < 8 * 8_000
    journal._refusing = None  # else a refusal stands for a second
    assert journal.append(record)
    journal.close()

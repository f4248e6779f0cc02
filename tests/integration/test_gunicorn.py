"""gunicorn from PyPI, preloading: its workers are forked from a master that records, come and go, and one is killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from atlas_otel.delivery.spool_status import replay, status
from atlas_otel.postgres.dsn import describe
from atlas_otel.postgres.store import PostgresStore

APP = Path(__file__).parents[1] / "peers" / "gunicorn"
REQUESTS = 240
FLAGS = {
    "sync": ["--workers", "3", "--max-requests", "30"],  # each worker ends after so many, and another is forked
    "gthread": ["--workers", "2", "--worker-class", "gthread", "--threads", "4"],
}


def _ask(port: int, number: int) -> int | None:
    """The pid that answered; None where the answer was lost with its worker."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{number}", timeout=20) as answer:
            return int(answer.read())
    except TimeoutError:
        raise
    except OSError:
        return None


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", FLAGS)
def test_every_request_is_a_session(
    kind: str, database_url: str, tmp_path: Path, peer_python: Callable[[str], str]
) -> None:
    found = [
        peer_python("gunicorn"),
        "-c",
        "import gunicorn, pathlib; print(pathlib.Path(gunicorn.__path__[0]).parent)",
    ]
    packages = subprocess.run(found, check=True, capture_output=True, text=True).stdout.strip()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    folder = tmp_path / "accounts"
    folder.mkdir()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "ATLAS_"))}
    environment = {
        **kept,
        "PYTHONPATH": os.pathsep.join([str(APP), os.environ.get("PYTHONPATH", ""), packages]),
        "ATLAS_OTEL_DATABASE_URL": database_url,
        "ATLAS_OTEL_SPOOL_DIR": str(tmp_path / "spool"),
        "WEB_ACCOUNTS": str(folder),
    }
    log = tmp_path / "log"
    command = [sys.executable, "-m", "gunicorn", "--preload", "--bind", f"127.0.0.1:{port}", *FLAGS[kind], "web:app"]
    with log.open("wb") as said, subprocess.Popen(command, env=environment, stdout=said, stderr=said) as server:
        try:
            deadline = time.monotonic() + 60
            while "Booting worker" not in log.read_text():
                assert server.poll() is None, log.read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)
            with ThreadPoolExecutor(4) as pool:
                first = list(pool.map(lambda number: _ask(port, number), range(REQUESTS // 2)))
                killed = next(pid for pid in reversed(first) if pid is not None)
                try:
                    os.kill(killed, signal.SIGKILL)
                except ProcessLookupError:  # it had its thirty requests
                    killed = -1
                second = list(pool.map(lambda number: _ask(port, number), range(REQUESTS // 2, REQUESTS)))
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)
    answered = {number for number, pid in enumerate([*first, *second]) if pid is not None}
    assert len(answered) >= REQUESTS - 12, "what the killed worker had in hand is lost, no more"
    with PostgresStore(database_url) as store:
        replay(store, describe(database_url), tmp_path / "spool")
        while store.project():
            pass
    assert all(not target.owners for target in status(tmp_path / "spool"))
    with psycopg.connect(database_url) as connection:
        sessions = connection.execute("SELECT task, status, final_answer FROM sessions").fetchall()
        spans = connection.execute("SELECT kind, count(*) FROM atlas_otel.spans WHERE rank = 5 GROUP BY 1").fetchall()
    tasks = [task for task, _, _ in sessions]
    assert len(tasks) == len(set(tasks))
    succeeded = {(task, answer) for task, state, answer in sessions if state == "succeeded"}
    wanted = {(f"request {number}", f"about {number}") for number in answered} | {("the master's", None)}
    assert wanted <= succeeded, sorted(wanted - succeeded)[:5]
    assert dict(spans)["tool"] >= len(answered) + 20
    accounts = {int(path.name): json.loads(path.read_text()) for path in folder.iterdir()}
    pids = {pid for pid in (*first, *second) if pid is not None}
    assert set(accounts) >= pids - {killed} | {server.pid}, log.read_text()
    for pid, tallies in accounts.items():
        for started, stored, still_open, spooled, lost in tallies.values():
            assert (started, still_open, lost) == (stored + spooled, 0, 0), (pid, tallies)
    if kind == "sync":
        assert len(pids) > 4, "workers were replaced"
    assert "Traceback" not in log.read_text(), log.read_text()

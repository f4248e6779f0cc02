"""SIGKILL at any moment: what had returned to the agent is stored by whoever comes next, once, and nothing is made up.

``ATLAS_OTEL_TEST_KILLS`` says how often each program is killed (2 unless set; docs/reliability.md has the long run).
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from atlas_otel import semconv
from atlas_otel.delivery.spool_status import replay, status
from atlas_otel.postgres.dsn import describe
from atlas_otel.postgres.store import PostgresStore

PROGRAM = Path(__file__).parent / "programs" / "killed.py"
KILLS = int(os.environ.get("ATLAS_OTEL_TEST_KILLS", "2"))


@pytest.mark.parametrize("arguments", [["1"], ["3"], ["1", "fork"]], ids=["one thread", "three threads", "forked"])
@pytest.mark.parametrize("alive", [True, False], ids=["database alive", "database dead"])
@pytest.mark.timeout(60 + 10 * KILLS)
def test_what_had_returned_is_stored_once(arguments: list[str], alive: bool, database_url: str, tmp_path: Path) -> None:
    chance = random.Random()
    promised: Counter[str] = Counter()
    # The same target for the spool; where the database is to be dead, its port is one that nobody listens on.
    url = database_url if alive else make_conninfo(database_url, host="127.0.0.1", port=1)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "ATLAS_"))}
    environment |= {"ATLAS_OTEL_DATABASE_URL": url, "ATLAS_OTEL_SPOOL_DIR": str(tmp_path / "spool")}
    for number in range(KILLS):
        ledger = tmp_path / f"ledger-{number}"
        with subprocess.Popen(
            [sys.executable, str(PROGRAM), str(ledger), *arguments],
            env=environment,
            start_new_session=True,
            stderr=subprocess.DEVNULL,
        ) as process:
            while not ledger.exists() or ledger.stat().st_size == 0:
                assert process.poll() is None
                time.sleep(0.005)
            time.sleep(chance.random() ** 2 * 0.4)
            os.killpg(process.pid, signal.SIGKILL)
        promised.update(ledger.read_text().splitlines())
    # The dead leave their spools: with the database alive each one finds its predecessors' already.
    with PostgresStore(database_url) as store:
        result = replay(store, describe(url), tmp_path / "spool")
    assert (result.poisoned, result.damaged) == (0, 0)
    assert all(not target.owners for target in status(tmp_path / "spool"))
    _assert_stored(database_url, promised)


def _assert_stored(database_url: str, promised: Counter[str]) -> None:
    assert set(promised.values()) == {1} or promised["session before"] > 1
    with psycopg.connect(database_url) as connection:
        spans = connection.execute("SELECT kind, attributes, rank FROM atlas_otel.spans").fetchall()
        payloads = connection.execute("SELECT payload FROM atlas_otel.span_events").fetchall()
        sessions = connection.execute("SELECT task, status FROM sessions").fetchall()
    tools = Counter(
        f"tool {_json(attributes[semconv.GEN_AI_TOOL_CALL_ARGUMENTS])['call']}"
        for kind, attributes, rank in ((k, _json(a), r) for k, a, r in spans)
        if kind == "tool" and rank >= 4
    )
    events = Counter(f"event {_json(payload)['payload']}" for (payload,) in payloads)
    missing = [line for line in promised if line.startswith("tool ") and not tools[line]]
    missing += [line for line in promised if line.startswith("event ") and not events[line]]
    assert missing == []
    # A run that is killed at once may have recorded neither a call nor an event.
    assert [line for line, times in (tools + events).items() if times != 1] == [], "nothing is doubled"
    killed = {line.split()[1] for line in promised if line.startswith("session ")} - {"before"}
    begun = {task.removeprefix("run ") for task, _ in sessions} - {"before"}
    assert killed <= begun
    # The fork's program may be killed before it forks: then no run but the one before has begun.
    others = [(task, state) for task, state in sessions if task != "run before" and state != "failed"]
    assert others == [], "abandoned, and visible as that"
    unpromised = len(tools) + len(events) - sum(line.startswith(("tool ", "event ")) for line in promised)
    # One call or event of each thread may have been recorded without its ledger line.
    assert 0 <= unpromised <= len(begun)


def _json(value: Any) -> Any:
    return orjson.loads(value) if isinstance(value, (str, bytes)) else value

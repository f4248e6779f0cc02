"""Collector and Postgres frozen, or dead, both at once: a decorated agent notices nothing, and says what became of it.

The calls are not timed against anything: one that waited for either would take seconds, as long as the
timeouts of the exporter and of the database driver are.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from processes import Collector, Jaeger, eventually
from server import Server

PROGRAM = Path(__file__).parent / "programs" / "steady_agent.py"
SPANS = 60 * 21  # of one "work": a session's span and its calls'
NO_WAIT_S = 1.0
EXIT_S = 2.0 + 5.0  # what is promised, and room for a busy machine


@pytest.fixture
def postgres(make_server: Callable[..., Server]) -> Server:
    """A Postgres that may be frozen and killed."""
    return make_server().make()


class Agent:
    """The program, and what it said."""

    def __init__(self, url: str, collector: Collector, folder: Path) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ATLAS_", "OTEL_"))}
        self.env = {
            **kept,
            "ATLAS_OTEL_DATABASE_URL": url,
            "ATLAS_OTEL_SPOOL_DIR": str(folder / "spool"),
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
            "OTEL_BSP_MAX_QUEUE_SIZE": "20000",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "60",  # seconds until the SDK gives a batch up; its default is 10
        }
        self._complained = folder / "agent.err"
        with self._complained.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(PROGRAM)],
                env=self.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip

    def do(self, what: str) -> dict[str, Any]:
        """Have it do something; its answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{what}\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline() or "{}")
        return answer

    def end(self) -> float:
        """Let it end in order; the seconds that it took."""
        assert self.process.stdin is not None
        began = time.monotonic()
        self.process.stdin.close()
        assert self.process.wait(60) == 0
        return time.monotonic() - began

    def kill(self) -> None:
        """End it, whatever it does."""
        with self.process:
            self.process.kill()

    def complaints(self) -> list[str]:
        """What it said on standard error, by line."""
        return self._complained.read_text().splitlines()


@pytest.fixture
def agent(postgres: Server, collector: Collector, tmp_path: Path) -> Iterator[Agent]:
    agent = Agent(postgres.url, collector, tmp_path)
    try:
        agent.do("work")
        assert agent.do("flush")["done"], "all is well so far"
        yield agent
    finally:
        agent.kill()


def _stored(postgres: Server) -> int:
    ((number,),) = postgres.query("SELECT count(*) FROM atlas_otel.spans")
    return int(str(number))


def test_both_frozen_and_thawed_while_the_agent_goes_on(
    agent: Agent, postgres: Server, collector: Collector, jaeger: Jaeger
) -> None:
    with postgres.frozen(), collector.frozen():
        worked = agent.do("work")
        time.sleep(3)  # well into the exporter's request, which nobody answers
        assert worked["longest_s"] < NO_WAIT_S
        assert agent.do("work")["longest_s"] < NO_WAIT_S
    accounts = agent.do("flush")
    assert accounts["done"]
    assert accounts["balances"]
    assert accounts["dropped"] == {}
    assert accounts["stored"] == accounts["started"] == _stored(postgres) == 3 * SPANS
    assert accounts["sent"] == accounts["handed"] == 3 * SPANS
    eventually(
        lambda: len(jaeger.spans(worked["trace"])) == 21, seconds=30, what="Jaeger has what was sent to the frozen"
    )
    assert agent.end() < EXIT_S
    assert len(agent.complaints()) <= 2, "one line of the store, one of the exporter"


@pytest.mark.parametrize("how", ["frozen", "dead"])
def test_an_exit_is_bounded_and_the_next_process_stores_what_waits(
    agent: Agent, postgres: Server, collector: Collector, how: str
) -> None:
    with ExitStack() as away:
        if how == "frozen":
            away.enter_context(postgres.frozen())
            away.enter_context(collector.frozen())
        else:
            postgres.kill()
            collector.kill()
        assert agent.do("work")["longest_s"] < NO_WAIT_S
        assert agent.end() < EXIT_S
    assert agent.complaints()[-1] == f"atlas-otel: not sent over OTLP: {SPANS} of {2 * SPANS} spans, which Jaeger lacks"
    assert len(agent.complaints()) <= 3, "one of the store, one of the exporter, and this"
    if how == "dead":
        postgres.start()
    replay = [sys.executable, "-m", "atlas_otel", "spool", "replay", "--database-url", postgres.url]
    done = subprocess.run(replay, env=agent.env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert _stored(postgres) == 2 * SPANS

"""Agents as processes: started, killed, told to stop; what they were promised; and whether the database has it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import orjson
import psycopg

from atlas_otel import semconv
from atlas_otel.delivery.spool_status import replay, status
from atlas_otel.postgres.dsn import describe
from atlas_otel.postgres.reaper import reap
from atlas_otel.postgres.store import PostgresStore

RUN = "test.run"
"""The resource attribute that names an agent's ledger."""
PROGRAM = Path(__file__).parent / "programs" / "agent.py"


class Agent:
    """One process."""

    def __init__(self, folder: Path, number: int, env: dict[str, str], backlog: int, pace_s: float) -> None:
        self.ledger, self.report_file = folder / f"ledger-{number}", folder / f"report-{number}"
        self.stop_file, self.said = folder / f"stop-{number}", folder / f"stderr-{number}"
        self._env, self._limits = env, [str(backlog), str(pace_s)]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Agent:
        """Start it; it is at work when this returns."""
        files = [str(self.ledger), str(self.report_file), str(self.stop_file)]
        arguments = [sys.executable, str(PROGRAM), *files, *self._limits]
        with self.said.open("wb") as said:
            self.process = subprocess.Popen(arguments, env=self._env, stdout=said, stderr=said)
        while not self.ledger.exists() or self.ledger.stat().st_size == 0:
            assert self.process.poll() is None, self.said.read_text()
            time.sleep(0.01)
        return self

    def grown_mib(self) -> int:
        """The most memory that it took, above what it had when it was started."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        start = int(Path(f"{self.ledger}.rss").read_text())
        return (int(status.partition("VmHWM:")[2].split()[0]) - start) // 1024

    def send(self, number: signal.Signals) -> None:
        """Send a signal, and wait for its end."""
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(60)

    def stop(self) -> None:
        """Tell it to stop."""
        self.stop_file.touch()

    def finish(self) -> dict[str, Any]:
        """Tell it to stop, wait, and read its accounts."""
        assert self.process is not None
        self.stop()
        self.process.wait(120)
        report: dict[str, Any] = json.loads(self.report_file.read_text())
        return report

    def promised(self) -> list[str]:
        """What it noted until it began to leave: threads that go on while the interpreter ends are not recorded."""
        return self.ledger.read_text("utf-8").partition("exiting\n")[0].splitlines()

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.process is not None and self.process.poll() is None


class Found(NamedTuple):
    """What a check counted."""

    promised: int
    stored_spans: int
    stored_events: int
    sessions: int


class Agents:
    """A folder of agents with one spool."""

    def __init__(
        self, folder: Path, environment: dict[str, str], *, backlog: int = 1_000, pace_s: float = 0.0,
        spool: Path | None = None,
    ) -> None:  # fmt: skip
        """``backlog``: agents rest while more than so many spans wait for the database.

        ``pace_s``: from the start of a session to the next one's on the same thread; 0 for full speed. ``spool``: the
        spool's folder, where it is not one of ``folder``.
        """
        folder.mkdir()
        self.folder = folder
        self._backlog, self._pace_s = backlog, pace_s
        self.spool = spool or folder / "spool"
        self._env = {k: v for k, v in environment.items() if not k.startswith(("OTEL_", "ATLAS_"))}
        self.all: list[Agent] = []

    def start(self, url: str, **env: str) -> Agent:
        """A new agent whose database is ``url``."""
        ours = {"ATLAS_OTEL_DATABASE_URL": url, "ATLAS_OTEL_SPOOL_DIR": str(self.spool)}
        run = {"OTEL_RESOURCE_ATTRIBUTES": f"{RUN}=ledger-{len(self.all)}"}
        env = {**self._env, **ours, **run, **env}
        self.all.append(Agent(self.folder, len(self.all), env, self._backlog, self._pace_s))
        return self.all[-1].start()

    def __enter__(self) -> Agents:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for agent in self.all:
            if agent.alive and agent.process is not None:
                agent.process.send_signal(signal.SIGCONT)
                agent.send(signal.SIGKILL)

    def check(self, url: str, *, by: str | None = None, dropped: bool = False) -> Found:
        """After all have ended: store what the dead left, and hold every promise against the database at ``url``.

        ``by``: the URL that the agents had, where it is another one (a proxy's). ``dropped``: a disk was full, so that
        the root of a session may be missing, which then runs until it is reaped.
        """
        with PostgresStore(url) as store:
            result = replay(store, describe(by or url), self.spool)
            while store.project():
                pass
        assert (result.poisoned, result.damaged) == (0, 0), result
        assert all(not target.owners for target in status(self.spool)), status(self.spool)
        promised = Counter(line for agent in self.all for line in agent.promised())
        assert set(promised.values()) <= {1}
        with psycopg.connect(url) as connection:
            tools: Counter[str] = Counter()
            spans = 0
            with connection.cursor(name="spans") as cursor:
                cursor.itersize = 5_000
                cursor.execute("SELECT kind, rank, attributes::text FROM atlas_otel.spans")
                for kind, rank, attributes in cursor:
                    spans += rank >= 4
                    if kind == "tool" and rank >= 4:
                        arguments = orjson.loads(orjson.loads(attributes)[semconv.GEN_AI_TOOL_CALL_ARGUMENTS])
                        tools[f"tool {arguments['call']}"] += 1
            events: Counter[str] = Counter()
            stored_events = 0
            with connection.cursor(name="events") as cursor:
                cursor.itersize = 5_000
                cursor.execute("SELECT name, payload::text FROM atlas_otel.span_events")
                for name, text in cursor:
                    stored_events += 1
                    if name == semconv.EVENT_ADAPTER:
                        events[f"event {orjson.loads(text)['payload']}"] += 1
            every = connection.execute("SELECT task, status FROM sessions").fetchall()
            sessions = dict(every)
            tasks = connection.execute(
                "SELECT count(task), count(DISTINCT task) FROM sessions WHERE task LIKE 'run %'"
            ).fetchone()
            undone = connection.execute(
                "SELECT count(*), count(projection_error) FROM atlas_otel.sessions"
                " WHERE revision > projected_revision OR projection_error IS NOT NULL"
            ).fetchone()
        again = Counter(task for task, _ in every).most_common(3)
        missing = [p for p in promised if p.startswith("tool ") and not tools[p]]
        missing += [p for p in promised if p.startswith("event ") and not events[p]]
        missing += [p for p in promised if p.startswith("session ") and "run " + p[8:] not in sessions]
        missing += [p for p in promised if p.startswith("ended ") and sessions.get("run " + p[6:]) != "succeeded"]
        assert missing == [], f"{len(missing)} promises broken: {missing[:10]}"
        doubled = [name for name, times in (tools + events).items() if times > 1]
        assert doubled == [], f"doubled: {doubled[:10]}"
        assert tasks is not None
        assert tasks[0] == tasks[1], f"a session has one row: {again}"
        assert undone == (0, 0), "every session is computed"
        running = [task for task, state in every if state == "running" and not (dropped and not task)]
        assert running == [], f"{len(running)} sessions of dead processes still run: {running[:5]}"
        if dropped:
            reap(url, timedelta(0))
            with psycopg.connect(url) as connection:
                left = connection.execute("SELECT count(*) FROM sessions WHERE status = 'running'").fetchone()
            assert left == (0,), "sessions without a root are reaped"
        return Found(sum(promised.values()), spans, stored_events, len(every))

"""Agents at full speed while a random fault strikes every few seconds; then everything must agree to the last span.

    soak.py [--seconds N] [--agents N] [--every S] [--backlog N] [--seed N]

The faults: an agent is killed, terminated, frozen; connections are cut, frozen, slowed, refused; the server is frozen,
killed, restarted; its sessions are terminated; it takes no connections. At the end every promise (each line that an
agent noted after a call had returned) is held against the database, the accounts of the agents that ended in order
against their rows, the rows against the records, and the exported lines against the rows. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psycopg

sys.path.insert(0, str(Path(__file__).parent))

from agents import Agent, Agents
from proxy import Proxy
from server import Server

from atlas_otel.postgres import migrate
from atlas_otel.postgres.sessions import keys_of
from atlas_otel_exporters import export_jsonl
from atlas_otel_exporters.verify import verify_database, verify_file


class Soak:
    """One run. ``struck`` counts the faults."""

    def __init__(self, server: Server, proxy: Proxy, agents: Agents, number: int, chance: random.Random) -> None:
        self._server, self._proxy, self._agents, self._chance = server, proxy, agents, chance
        self._number = number
        self._alive: list[Agent] = []
        self.struck: Counter[str] = Counter()
        self._faults: list[Callable[[], None]] = [
            self.kill_agent, self.kill_agent, self.kill_agent, self.terminate_agent, self.freeze_agent,
            self.cut, self.freeze, self.slow, self.refuse,
            self.freeze_server, self.kill_server, self.restart_server, self.terminate_sessions, self.no_connections,
        ]  # fmt: skip

    def run(self, seconds: float, every: float) -> None:
        """Let agents work and faults strike for so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            while len(self._alive) < self._number:
                self._alive.append(self._agents.start(self._proxy.url))
            time.sleep(min(self._chance.uniform(0.2, 2 * every), max(until - time.monotonic(), 0)))
            fault = self._chance.choice(self._faults)
            self.struck[fault.__name__] += 1
            fault()

    def finish(self) -> list[dict[str, object]]:
        """Let the agents that live end in order; their accounts."""
        return [agent.finish() for agent in self._alive]

    def _victim(self) -> Agent:
        return self._alive.pop(self._chance.randrange(len(self._alive)))

    def kill_agent(self) -> None:
        self._victim().send(signal.SIGKILL)

    def terminate_agent(self) -> None:
        self._victim().send(signal.SIGTERM)

    def freeze_agent(self) -> None:
        agent = self._chance.choice(self._alive)
        assert agent.process is not None
        agent.process.send_signal(signal.SIGSTOP)
        time.sleep(self._chance.uniform(0.1, 2))
        agent.process.send_signal(signal.SIGCONT)

    def cut(self) -> None:
        self._proxy.cut()

    def freeze(self) -> None:
        self._proxy.freeze()
        time.sleep(self._chance.uniform(0.5, 4))
        self._proxy.thaw()

    def slow(self) -> None:
        self._proxy.delay_s = self._chance.uniform(0.005, 0.05)
        time.sleep(2)
        self._proxy.delay_s = 0.0

    def refuse(self) -> None:
        self._proxy.shut()
        time.sleep(self._chance.uniform(0.1, 3))
        self._proxy.open()

    def freeze_server(self) -> None:
        with self._server.frozen():
            time.sleep(self._chance.uniform(0.5, 3))

    def kill_server(self) -> None:
        self._server.kill()
        time.sleep(self._chance.uniform(0, 1))
        self._server.start()

    def restart_server(self) -> None:
        self._server.stop()
        self._server.start()

    def terminate_sessions(self) -> None:
        self._server.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")

    def no_connections(self) -> None:
        self._server.query("ALTER DATABASE soak ALLOW_CONNECTIONS false")
        self.terminate_sessions()
        time.sleep(self._chance.uniform(0.1, 2))
        self._server.query("ALTER DATABASE soak ALLOW_CONNECTIONS true")


def check(agents: Agents, soak: Soak, url: str, by: str, folder: Path) -> dict[str, object]:
    """Hold everything against everything; what was counted."""
    reports = soak.finish()
    for report in reports:
        assert report["balances"], report
        assert report["dropped"] == {}, report
        assert report["open"] == 0, report
    found = agents.check(url, by=by)
    # Of the agents that ended in order: every span that they started is there, whole, and no other.
    ended = [agent for agent in agents.all if agent.report_file.exists()]
    with psycopg.connect(url) as connection:
        for agent in ended:
            assert agent.process is not None
            started = json.loads(agent.report_file.read_text())["started"]
            row = connection.execute(
                "SELECT count(*) FROM atlas_otel.spans AS span"
                " JOIN atlas_otel.sessions AS ours ON ours.key = span.session_key"
                " JOIN sessions AS theirs ON theirs.id = ours.id"
                " WHERE theirs.task LIKE %s AND span.rank = 5",
                [f"run {agent.process.pid}-%"],
            ).fetchone()
            assert row == (started,), (row, started)
        events = connection.execute("SELECT count(*) FROM trajectory_events").fetchone()
    differences = list(verify_database(url, keys_of(url, [])))
    assert differences == [], [str(one) for one in differences[:5]]
    lines = folder / "lines.jsonl"
    exported = export_jsonl(lines, database_url=url, review_statuses=None)
    assert exported.sessions == exported.lines == found.sessions, exported
    in_lines = 0
    for outcome in verify_file(url, lines):
        assert outcome == [], [str(one) for one in outcome[:5]]
    with lines.open("rb") as file:
        in_lines = sum(len(json.loads(line)["trajectory_events"]) for line in file)
    assert events == (in_lines,), "every event of every session is in its line"
    return {
        **found._asdict(),
        "trajectory_events": in_lines,
        "agents": len(agents.all),
        "ended_in_order": len(ended),
        "faults": sum(soak.struck.values()),
        "struck": dict(soak.struck),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--agents", type=int, default=3)
    parser.add_argument("--every", type=float, default=2.0, help="seconds between faults, on average")
    parser.add_argument("--backlog", type=int, default=3_000, help="spans that may wait before an agent rests")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    given = parser.parse_args()
    print(f"seed {given.seed}", file=sys.stderr)
    folder = Path(tempfile.mkdtemp(prefix="atlas-otel-soak-"))
    folder.chmod(0o711)
    server = Server(folder / "server", {})
    try:
        server.make()
        server.query("CREATE DATABASE soak")
        url = server.url.replace("dbname=postgres", "dbname=soak")
        migrate.init(url)
        with Proxy(url) as proxy, Agents(folder / "agents", dict(os.environ), backlog=given.backlog) as agents:
            proxy.open()
            soak = Soak(server, proxy, agents, given.agents, random.Random(given.seed))
            began = time.monotonic()
            soak.run(given.seconds, given.every)
            result = check(agents, soak, url, proxy.url, folder)
            print(json.dumps({"seconds": round(time.monotonic() - began), "seed": given.seed, **result}))
    finally:
        with contextlib.suppress(AssertionError):
            server.remove()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

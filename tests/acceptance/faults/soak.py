"""Agents at full speed while a random fault strikes every few seconds; then everything must agree to the last span.

    soak.py [--seconds N] [--agents N] [--every S] [--backlog N] [--pace S] [--seed N] [--folder DIR] [--chaos]

The faults: an agent is killed, terminated, frozen; connections are cut, frozen, slowed, refused; the server is frozen,
killed, restarted; its sessions are terminated; it takes no connections. ``--chaos``: those of ``chaos.py``, too. At
the end every promise (each line that an agent noted after a call had returned) is held against the database, the
accounts of the agents that ended in order against their rows, the rows against the records, and the exported lines
against the rows. Prints one JSON object.
Leaves nothing behind, also when it is interrupted or fails, unless ``--folder`` names a place that is to be kept.
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
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg

sys.path.insert(0, str(Path(__file__).parent))

from agents import Agent, Agents
from chaos import Chaos, collecting
from proxy import Proxy
from server import Server
from soak_comparison import compare, spans_of_run

from atlas_otel.postgres import migrate

_SERVER_SETTINGS = {
    "autovacuum": "on",  # an hour's tables want it, as everybody's do
    "checkpoint_timeout": "30s",  # a killed server has little to read again
    "max_wal_size": "256MB",
}


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

    def add(self, faults: list[Callable[[], None]]) -> None:
        """Have these strike as well."""
        self._faults += faults

    def run(self, seconds: float, every: float) -> None:
        """Let agents work and faults strike for so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            assert all(agent.alive for agent in self._alive), "an agent ended by itself"
            while len(self._alive) < self._number:
                self._alive.append(self._agents.start(self._proxy.url))
            time.sleep(min(self._chance.uniform(0.2, 2 * every), max(until - time.monotonic(), 0)))
            fault = self._chance.choice(self._faults)
            self.struck[fault.__name__] += 1
            fault()
            if sum(self.struck.values()) % 50 == 0:
                _say(f"{until - time.monotonic():.0f} s to go; faults: {dict(self.struck)}")

    def finish(self) -> list[dict[str, object]]:
        """Let the agents that live end in order; their accounts."""
        for agent in self._alive:
            agent.stop()
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
    _say(f"agents have ended; faults: {dict(soak.struck)}")
    found = agents.check(url, by=by)
    _say(f"promises and accounts hold: {found}")
    # Of the agents that ended in order: every span that they started is there, whole, and no other.
    ended = [agent for agent in agents.all if agent.report_file.exists()]
    with psycopg.connect(url) as connection:
        for agent in ended:
            started = json.loads(agent.report_file.read_text())["started"]
            assert spans_of_run(connection, agent.ledger.name) == started, agent.ledger.name
    compared = compare(url, folder)
    assert compared.sessions == compared.lines == found.sessions, (compared, found)
    return {
        **found._asdict(),
        **compared._asdict(),
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
    parser.add_argument("--pace", type=float, default=0.0, help="seconds between the starts of a thread's sessions")
    parser.add_argument("--chaos", action="store_true", help="locks, settings, migrations and hostile senders, too")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--folder", type=Path, help="a new folder to work in, kept: server, spool, ledgers, lines")
    given = parser.parse_args()
    _say(f"seed {given.seed}")
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGHUP, _leave)
    began = time.monotonic()
    with _folder(given.folder) as folder, _server(folder / "server", keep=given.folder is not None) as server:
        server.query("CREATE DATABASE soak")
        url = server.url.replace("dbname=postgres", "dbname=soak")
        migrate.init(url)
        started = Agents(folder / "agents", dict(os.environ), backlog=given.backlog, pace_s=given.pace)
        with Proxy(url) as proxy, started as agents:
            proxy.open()
            chance = random.Random(given.seed)
            soak = Soak(server, proxy, agents, given.agents, chance)
            more: dict[str, object] = {}
            if given.chaos:
                with collecting(url, folder / "collector") as collector:
                    soak.add(Chaos(url, collector, chance).faults)
                    soak.run(given.seconds, given.every)
                    more = collector.stop()
            else:
                soak.run(given.seconds, given.every)
            loaded = time.monotonic() - began
            result = {**check(agents, soak, url, proxy.url, folder), **more}
    seconds = {"seconds": round(loaded), "seconds_with_checks": round(time.monotonic() - began)}
    print(json.dumps({**seconds, "pace_s": given.pace, "seed": given.seed, **result}))


@contextlib.contextmanager
def _folder(named: Path | None) -> Iterator[Path]:
    """Where the run has its files. Postgres, another user where this one is root, has to get through."""
    folder = Path(tempfile.mkdtemp(prefix="atlas-otel-soak-")) if named is None else named.resolve()
    if named is not None:
        folder.mkdir()
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        if named is None:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _server(folder: Path, *, keep: bool) -> Iterator[Server]:
    server = Server(folder, _SERVER_SETTINGS)
    try:
        yield server.make()
    finally:
        if keep:
            server.stop()
        else:
            server.remove()


def _leave(number: int, _frame: object) -> None:
    """End by way of every ``finally``; further signals of the kind do not break that off."""
    signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + number)


def _say(line: str) -> None:
    print(time.strftime("%H:%M:%S"), line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

"""Agents at full speed while a random fault strikes every few seconds; then everything must agree to the last span.

    soak.py [--seconds N] [--agents N] [--every S] [--backlog N] [--pace S] [--seed N] [--folder DIR]
            [--chaos] [--disk tmpfs|ext4|xfs|btrfs]

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
sys.path.insert(0, str(Path(__file__).parents[3]))

from agents import Agent, Agents
from chaos import Chaos
from cluster import Cluster, clustered
from collecting import collecting
from disk import FILE_SYSTEMS, Disk
from proxy import Proxy
from soak_comparison import compare, spans_of_run

from atlas_otel.postgres import migrate
from atlas_otel.records.store import DEFAULT_PATIENCE

_AGENT_MIB = 64
"""What an agent may take above its start."""
_SPOOL_MB, _SERVER_MB = 300, 4_000
_FULL = {"disk_full", "spool_full"}


class Soak:
    """One run. ``struck`` counts the faults."""

    def __init__(self, cluster: Cluster, proxy: Proxy, agents: Agents, number: int, chance: random.Random) -> None:
        self._cluster, self._proxy, self._agents, self._chance = cluster, proxy, agents, chance
        self._number = number
        self._alive: list[Agent] = []
        self._environment: Callable[[], dict[str, str]] = dict
        self.struck: Counter[str] = Counter()
        self.agent_mib = 0
        """The most that an agent took above its start."""
        self._faults: list[Callable[[], None]] = [
            self.kill_agent, self.kill_agent, self.kill_agent, self.terminate_agent, self.freeze_agent,
            self.cut, self.freeze, self.slow, self.refuse,
            self.freeze_server, self.kill_server, self.restart_server, self.terminate_sessions, self.no_connections,
        ]  # fmt: skip

    def add(self, faults: list[Callable[[], None]], environment: Callable[[], dict[str, str]]) -> None:
        """Have these strike as well, and give agents these variables."""
        self._faults += faults
        self._environment = environment

    def run(self, seconds: float, every: float) -> None:
        """Let agents work and faults strike for so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            assert all(agent.alive for agent in self._alive), "an agent ended by itself"
            while len(self._alive) < self._number:
                self._alive.append(self._agents.start(self._proxy.url, **self._environment()))
            time.sleep(min(self._chance.uniform(0.2, 2 * every), max(until - time.monotonic(), 0)))
            fault = self._chance.choice(self._faults)
            self.struck[fault.__name__] += 1
            fault()
            if sum(self.struck.values()) % 50 == 0:
                _say(f"{until - time.monotonic():.0f} s to go; faults: {dict(self.struck)}")

    def finish(self) -> list[dict[str, object]]:
        """Let the agents that live end in order; their accounts."""
        for agent in self._alive:
            self._weigh(agent)
            agent.stop()
        return [agent.finish() for agent in self._alive]

    def _victim(self) -> Agent:
        agent = self._alive.pop(self._chance.randrange(len(self._alive)))
        self._weigh(agent)
        return agent

    def _weigh(self, agent: Agent) -> None:
        self.agent_mib = max(self.agent_mib, agent.grown_mib())

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
        with self._cluster.server.frozen():
            time.sleep(self._chance.uniform(0.5, 3))

    def kill_server(self) -> None:
        self._cluster.server.kill()
        time.sleep(self._chance.uniform(0, 1))
        self._cluster.server.start()

    def restart_server(self) -> None:
        self._cluster.server.stop()
        self._cluster.server.start()

    def terminate_sessions(self) -> None:
        self._cluster.server.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        )

    def no_connections(self) -> None:
        self._cluster.server.query("ALTER DATABASE soak ALLOW_CONNECTIONS false")
        self.terminate_sessions()
        time.sleep(self._chance.uniform(0.1, 2))
        self._cluster.server.query("ALTER DATABASE soak ALLOW_CONNECTIONS true")


def check(agents: Agents, soak: Soak, url: str, by: str, folder: Path, may_drop: set[str]) -> dict[str, object]:
    """Hold everything against everything; what was counted. ``may_drop``: causes for which agents may drop."""
    reports = soak.finish()
    for report in reports:
        assert report["balances"], report
        assert set(report["dropped"]) <= may_drop, report
        assert report["open"] == 0, report
    _say(f"agents have ended; faults: {dict(soak.struck)}")
    found = agents.check(url, by=by, dropped=bool(may_drop))
    _say(f"promises and accounts hold: {found}")
    # Of the agents that ended in order: every span that they started is there, whole, and no other.
    ended = [agent for agent in agents.all if agent.report_file.exists()]
    with psycopg.connect(url) as connection:
        for agent in ended:
            report = json.loads(agent.report_file.read_text())
            assert spans_of_run(connection, agent.ledger.name) == report["started"] - report["lost"], agent.ledger.name
    compared = compare(url, folder)
    assert compared.sessions == compared.lines == found.sessions, (compared, found)
    assert soak.agent_mib < _AGENT_MIB, soak.agent_mib
    return {
        **found._asdict(),
        **compared._asdict(),
        "agent_mib": soak.agent_mib,
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
    parser.add_argument("--chaos", action="store_true", help="the faults of chaos.py, too")
    parser.add_argument("--disk", choices=FILE_SYSTEMS, help="with --chaos: of the spool and the server; else any")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--folder", type=Path, help="a new folder to work in, kept: server, spool, ledgers, lines")
    given = parser.parse_args()
    _say(f"seed {given.seed}")
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGHUP, _leave)
    began = time.monotonic()
    chance = random.Random(given.seed)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(_folder(given.folder))
        disks = _disks(stack, folder, given.disk, chance) if given.chaos else None
        cluster = stack.enter_context(
            clustered(_made(folder / "server"), disks and disks[1], keep=given.folder is not None)
        )
        migrate.init(cluster.url)
        agents = stack.enter_context(
            Agents(
                folder / "agents", dict(os.environ), backlog=given.backlog, pace_s=given.pace,
                spool=disks and disks[0].folder / "spool",
            )
        )  # fmt: skip
        proxy = stack.enter_context(Proxy(cluster.url))
        proxy.open()
        soak = Soak(cluster, proxy, agents, given.agents, chance)
        more: dict[str, object] = {}
        if given.chaos:
            collector = stack.enter_context(collecting(cluster.url, folder / "collector"))
            made = Chaos(cluster, proxy, collector, disks and disks[0], folder, chance)
            chaos = stack.enter_context(made.prepared())
            _say(f"not tried here: {chaos.missing}")
            soak.add(chaos.faults, chaos.environment)
            soak.run(given.seconds, given.every)
            chaos.calm()
            more = {**collector.stop(), "missing": chaos.missing, "disk": disks and disks[2]}
            collector.check()
            time.sleep(DEFAULT_PATIENCE.quiet_s + 1)  # then the sender's last sessions count as over
        else:
            soak.run(given.seconds, given.every)
        loaded = time.monotonic() - began
        may_drop = _FULL if given.chaos else set[str]()
        result = {**check(agents, soak, cluster.direct_url, proxy.url, folder, may_drop), **more}
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


def _made(folder: Path) -> Path:
    if not folder.exists():
        folder.mkdir(mode=0o711)
    return folder


def _disks(
    stack: contextlib.ExitStack, folder: Path, named: str | None, chance: random.Random
) -> tuple[Disk, Disk, str] | None:
    """A small disk for the spool and one for the server, and of what kind; nothing where none can be mounted."""
    kinds = [named] if named else chance.sample(FILE_SYSTEMS, len(FILE_SYSTEMS))
    for kind in kinds:
        with contextlib.ExitStack() as some:
            try:
                spool = Disk(folder / "spool", _SPOOL_MB, kind)
                some.callback(spool.remove)
                server = Disk(folder / "server", _SERVER_MB, kind)
                some.callback(server.remove)
            except OSError as error:
                _say(f"no {kind}: {error}")
                for name in ("spool", "server"):
                    shutil.rmtree(folder / name, ignore_errors=True)
                continue
            stack.push(some.pop_all())
            return spool, server, kind
    return None


def _leave(number: int, _frame: object) -> None:
    """End by way of every ``finally``; further signals of the kind do not break that off."""
    signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + number)


def _say(line: str) -> None:
    print(time.strftime("%H:%M:%S"), line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

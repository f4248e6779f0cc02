"""Jaeger and the Collector as real processes, run with the very files that compose mounts."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
UNAVAILABLE = 69
HOST = "127.0.0.1"
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _env(service: str, **ours: object) -> dict[str, str]:
    """The environment that compose gives a service, but for where it listens, stores and sends."""
    given = COMPOSE["services"][service]["environment"]
    return {**os.environ, **given, "ATLAS_LISTEN": HOST, **{name: str(value) for name, value in ours.items()}}


def eventually(check: Callable[[], Any], *, seconds: float, what: str) -> Any:
    """What ``check`` answers once it is true; fails after ``seconds`` with what was waited for."""
    deadline = time.monotonic() + seconds
    while True:
        if answer := check():
            return answer
        if time.monotonic() > deadline:
            pytest.fail(f"{seconds:.0f} s passed, and still not: {what}")
        time.sleep(0.1)


@dataclass
class Server:
    """One process of the stack, started again as often as a test likes, with the same files and ports."""

    name: str
    command: list[str]
    env: dict[str, str]
    health_url: str
    log: Path
    process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        """Start, and wait until it says that it is healthy."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, env=self.env, stdout=log, stderr=log)
        eventually(self.healthy, seconds=60, what=f"{self.name} is healthy; its log: {self.log.read_text()[-2000:]}")

    def healthy(self) -> bool:
        """Whether the health endpoint answers 200. A process that has ended is an error at once."""
        assert self.process is not None
        assert self.process.poll() is None, f"{self.name} ended: {self.log.read_text()[-2000:]}"
        try:
            return requests.get(self.health_url, timeout=2).status_code == 200
        except requests.RequestException:
            return False

    def end(self, number: signal.Signals) -> None:
        """Send a signal, and wait until the process is gone."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(30)

    def kill(self) -> None:
        """As a crash does: SIGKILL."""
        self.end(signal.SIGKILL)

    def stop(self) -> None:
        """As ``docker stop`` does: SIGTERM."""
        self.end(signal.SIGTERM)


@dataclass
class Jaeger(Server):
    """Jaeger with Badger on disk."""

    otlp_port: int = 0
    ui_port: int = 0

    def spans(self, trace_id: str) -> list[dict[str, Any]]:
        """Every stored span of a trace, as OTLP JSON, by its v3 API; none where the trace is not known."""
        # Jaeger 2.13 reads raw_traces, later releases rawTraces: unmerged, events in their order.
        url = f"http://{HOST}:{self.ui_port}/api/v3/traces/{trace_id}?raw_traces=true&rawTraces=true"
        answer = requests.get(url, timeout=10)
        if answer.status_code == 404:
            return []
        answer.raise_for_status()
        return [
            span
            for resource in answer.json()["result"]["resourceSpans"]
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
        ]


@dataclass
class Collector(Server):
    """The Collector with its queue on disk."""

    grpc_port: int = 0
    http_port: int = 0
    metrics_port: int = 0

    def metric(self, name: str) -> float:
        """The sum of one of its own metrics over all label sets; 0 where it has none of that name."""
        text = requests.get(f"http://{HOST}:{self.metrics_port}/metrics", timeout=5).text
        values = [line.rpartition(" ")[2] for line in text.splitlines() if line.startswith((name + "{", name + " "))]
        return sum(map(float, values))


@pytest.fixture(scope="session")
def stack_binaries() -> dict[str, str]:
    """Where Jaeger and the Collector are, built first where that is possible; else the test is skipped."""
    command = [sys.executable, str(ROOT / "scripts" / "build_stack.py")]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if built.returncode == UNAVAILABLE:
        pytest.skip(built.stderr.strip())
    assert built.returncode == 0, built.stderr
    paths: dict[str, str] = json.loads(built.stdout)
    return paths


@pytest.fixture
def jaeger(stack_binaries: dict[str, str], tmp_path: Path) -> Iterator[Jaeger]:
    """A running Jaeger, its storage in the test's folder."""
    names = (
        "ATLAS_HEALTH_PORT",
        "ATLAS_UI_PORT",
        "ATLAS_QUERY_GRPC_PORT",
        "ATLAS_OTLP_GRPC_PORT",
        "ATLAS_OTLP_HTTP_PORT",
    )
    ports = {name: _free_port() for name in names}
    server = Jaeger(
        name="jaeger",
        command=[stack_binaries["jaeger"], "--config", str(ROOT / "collector" / "jaeger.yaml")],
        env=_env("jaeger", ATLAS_JAEGER_DIR=tmp_path / "badger", **ports),
        health_url=f"http://{HOST}:{ports['ATLAS_HEALTH_PORT']}/status",
        log=tmp_path / "jaeger.log",
        otlp_port=ports["ATLAS_OTLP_GRPC_PORT"],
        ui_port=ports["ATLAS_UI_PORT"],
    )
    server.start()
    yield server
    server.kill()


@pytest.fixture
def collect_endpoint() -> str:
    """Where the Collector sends the record. Nobody is there, unless a test's own fixture of this name says so."""
    return f"http://{HOST}:{_free_port()}"


@pytest.fixture
def collector(
    stack_binaries: dict[str, str], jaeger: Jaeger, tmp_path: Path, collect_endpoint: str
) -> Iterator[Collector]:
    """A running Collector that sends to the running Jaeger, its queue in the test's folder."""
    names = ("ATLAS_HEALTH_PORT", "ATLAS_OTLP_GRPC_PORT", "ATLAS_OTLP_HTTP_PORT", "ATLAS_METRICS_PORT")
    ports = {name: _free_port() for name in names}
    server = Collector(
        name="collector",
        command=[stack_binaries["collector"], "--config", str(ROOT / "collector" / "config.yaml")],
        env=_env(
            "collector",
            ATLAS_QUEUE_DIR=tmp_path / "queue",
            ATLAS_JAEGER_ENDPOINT=f"{HOST}:{jaeger.otlp_port}",
            ATLAS_COLLECT_ENDPOINT=collect_endpoint,
            **ports,
        ),
        health_url=f"http://{HOST}:{ports['ATLAS_HEALTH_PORT']}/",
        log=tmp_path / "collector.log",
        grpc_port=ports["ATLAS_OTLP_GRPC_PORT"],
        http_port=ports["ATLAS_OTLP_HTTP_PORT"],
        metrics_port=ports["ATLAS_METRICS_PORT"],
    )
    server.start()
    yield server
    server.kill()

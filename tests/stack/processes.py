"""Jaeger, the Collector and ``atlas-otel collect`` as real processes that a test kills and starts again."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests

HOST = "127.0.0.1"
UNAVAILABLE = 69
"""How a script of ``scripts/`` says that something can't be had here."""


def eventually(check: Callable[[], Any], *, seconds: float, what: str) -> Any:
    """What ``check`` answers once it is true; fails after ``seconds`` with what was waited for."""
    deadline = time.monotonic() + seconds
    while True:
        if answer := check():
            return answer
        if time.monotonic() > deadline:
            pytest.fail(f"{seconds:.0f} s passed, and still not: {what}")
        time.sleep(0.1)


_WORKERS = 16


def _ports() -> Iterator[int]:
    """Ports of this worker alone, below those that systems give to outgoing connections (Linux from 32768): a
    program has to find its own free when it starts, and again after it was killed."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
    ports = range(20_000 + worker, 32_000, _WORKERS)
    return iter(random.sample(ports, len(ports)))


_PORTS = _ports()


def free_port() -> int:
    """A port that nobody listens on, given once."""
    for port in _PORTS:
        with suppress(OSError), socket.create_server((HOST, port)):
            return port
    raise AssertionError("every port is taken")


def listens(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def as_compose_reads(environment: Mapping[str, object]) -> dict[str, str]:
    """A service's environment where no variable is set: ``${NAME:-default}`` is its default."""
    return {name: re.sub(r"\$\{\w+:-(.*?)\}", r"\1", str(value)) for name, value in environment.items()}


def metric(url: str, name: str, labels: str = "") -> float:
    """The sum of a metric over those label sets that hold ``labels``; 0 where there is none of that name."""
    text = requests.get(url, timeout=5).text
    lines = re.findall(rf"^{name}(\{{.*\}})? (\S+)$", text, re.MULTILINE)
    return sum(float(value) for found, value in lines if labels in found)


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

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """SIGSTOP, and SIGCONT at the end: it takes connections, and answers nobody."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


@dataclass
class Jaeger(Server):
    """Jaeger with Badger on disk."""

    otlp_port: int = 0
    otlp_http_port: int = 0
    ui_port: int = 0

    @property
    def url(self) -> str:
        """Where its page and its API are."""
        return f"http://{HOST}:{self.ui_port}"

    def spans(self, trace_id: str) -> list[dict[str, Any]]:
        """Every stored span of a trace, as OTLP JSON, by its v3 API; none where the trace is not known."""
        return [span for scope in self._scope_spans(trace_id) for span in scope["spans"]]

    def scopes(self, trace_id: str) -> list[dict[str, Any]]:
        """The instrumentation scopes of a trace."""
        return [scope["scope"] for scope in self._scope_spans(trace_id)]

    def search(self, service: str, tags: dict[str, str]) -> list[str]:
        """The traces of a service that have a span with all these tags: what the search page asks."""
        given = {"service": service, "tags": json.dumps(tags), "limit": "20", "lookback": "1h"}
        answer = requests.get(f"{self.url}/api/traces", params=given, timeout=10)
        answer.raise_for_status()
        return [trace["traceID"] for trace in answer.json()["data"]]

    def _scope_spans(self, trace_id: str) -> list[dict[str, Any]]:
        # Jaeger 2.13 reads raw_traces, later releases rawTraces: unmerged, events in their order.
        url = f"{self.url}/api/v3/traces/{trace_id}?raw_traces=true&rawTraces=true"
        answer = requests.get(url, timeout=10)
        if answer.status_code == 404:
            return []
        answer.raise_for_status()
        return [scope for resource in answer.json()["result"]["resourceSpans"] for scope in resource["scopeSpans"]]

    def await_spans(self, trace_id: str, number: int) -> list[dict[str, Any]]:
        """The spans of a trace in the order in which they began, once it has so many."""
        what = f"Jaeger has {number} spans of {trace_id}"
        spans: list[dict[str, Any]] = eventually(
            lambda: spans if len(spans := self.spans(trace_id)) >= number else None, seconds=30, what=what
        )
        return sorted(spans, key=lambda span: int(span["startTimeUnixNano"]))


@dataclass
class Collector(Server):
    """The Collector with its queue on disk."""

    grpc_port: int = 0
    http_port: int = 0
    metrics_port: int = 0

    @property
    def endpoint(self) -> str:
        """Where it takes OTLP over HTTP."""
        return f"http://{HOST}:{self.http_port}"

    def metric(self, name: str, labels: str = "") -> float:
        """The sum of one of its own metrics; see :func:`metric`."""
        return metric(f"http://{HOST}:{self.metrics_port}/metrics", name, labels)


@dataclass
class Collect(Server):
    """``atlas-otel collect`` with its spool in the test's folder."""

    endpoint: str = ""

    def metric(self, name: str, labels: str = "") -> float:
        """The sum of one of its metrics; see :func:`metric`."""
        return metric(f"{self.endpoint}/metrics", f"atlas_otel_collect_{name}", labels)


class Stack(NamedTuple):
    """Both of them."""

    collector: Collector
    jaeger: Jaeger


def attributes(holder: dict[str, Any]) -> dict[str, Any]:
    """The attributes of a span, event or link in OTLP JSON; numbers of 64 bits are strings there."""
    return {pair["key"]: next(iter(pair["value"].values())) for pair in holder.get("attributes", [])}

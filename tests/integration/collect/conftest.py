"""A real ``atlas-otel collect`` in a process of its own, over a real database, and how to send to it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest


class Collecting:
    """One process. ``say``: everything that it wrote to standard error so far."""

    def __init__(self, url: str, spool: Path, arguments: list[str], environment: dict[str, str]) -> None:
        self._log = spool.parent / f"collect-{time.monotonic_ns()}.log"
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("ATLAS_", "OTEL_"))}
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "atlas_otel", "collect", "--database-url", url, *arguments],
                stdout=subprocess.PIPE,
                stderr=log,
                env={**inherited, "ATLAS_OTEL_SPOOL_DIR": str(spool), **environment},
            )
        assert self.process.stdout is not None
        self.printed = self.process.stdout.readline().decode().strip()
        self.url = self.printed.rpartition(" ")[2]
        if not self.url.startswith("http"):
            raise AssertionError(f"collect did not start: {self.said()}")
        self.base = self.url.removesuffix("/v1/traces")
        self.port = int(self.base.rpartition(":")[2])

    def said(self) -> str:
        return self._log.read_text()

    @property
    def health_port(self) -> int:
        """Where it says that it answers about its health."""
        return int(re.findall(r"health at \S+:(\d+)/healthz", self.said())[0])

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self, how: int = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(30)

    def post(self, body: bytes, content_type: str = "application/x-protobuf", **headers: str) -> httpx.Response:
        return httpx.post(
            self.url, content=body, headers={"content-type": content_type, **headers}, timeout=30, verify=False
        )

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(self.base + path, headers=headers, timeout=10, verify=False)


@pytest.fixture
def start(database_url: str, tmp_path: Path) -> Iterator[Callable[..., Collecting]]:
    """Starts a collector; again on the same port with ``port=``."""
    started: list[Collecting] = []

    def begin(
        *arguments: str, port: int = 0, url: str = database_url, spool: str = "spool", **environment: str
    ) -> Collecting:
        folder = tmp_path / spool
        folder.mkdir(exist_ok=True)
        started.append(Collecting(url, folder, ["--port", str(port), *arguments], environment))
        return started[-1]

    yield begin
    for one in started:
        with suppress(ProcessLookupError):
            one.kill()
        assert one.process.stdout is not None
        one.process.stdout.close()


@pytest.fixture
def database(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any]], Any]:
    """Asks until the answer is true; the last answer after 20 seconds."""

    def ask(question: Callable[[], Any], timeout_s: float = 20.0) -> Any:
        deadline = time.monotonic() + timeout_s
        while not (answer := question()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return answer

    return ask

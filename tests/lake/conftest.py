"""Real parts beside a lake: Spark, a Kafka broker, an S3 server. Long: `make test-lake`."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.metadata import distribution
from pathlib import Path

import pytest

from tests.integration.conftest import peer_python

__all__ = ["peer_python"]

ROOT = Path(__file__).parents[2]
UNAVAILABLE = 69


def script(name: str, *arguments: str) -> str:
    """What one of our scripts prints; skips the test with its reason where its parts can't be had here."""
    command = [sys.executable, str(ROOT / "scripts" / name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == UNAVAILABLE:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def listening(port: int, timeout_s: float = 60.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
        time.sleep(0.2)
    return False


@pytest.fixture(scope="session")
def jars() -> str:
    """The jars, with commas between, as Spark takes them."""
    return script("spark_jars.py")


@pytest.fixture
def spark(peer_python: Callable[[str], str], jars: str, tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts a program of Spark's Python with this checkout on its path."""
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java, and there is none")
    python = peer_python("lake-spark")
    # What is installed says its version beside it: copied, so that nothing else of this environment is on the path.
    installed = next(Path(distribution("atlas-otel").locate_file("")).glob("atlas_otel-*.dist-info"))
    shutil.copytree(installed, tmp_path / "installed" / installed.name)

    def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("ATLAS_", "OTEL_", "AWS_"))}
        paths = os.pathsep.join([str(ROOT), str(ROOT / "exporters"), str(tmp_path / "installed")])
        return subprocess.Popen(
            [python, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=tmp_path,
            env={**kept, "PYTHONPATH": paths, "SPARK_LOCAL_IP": "127.0.0.1", "JARS": jars, **environment},
        )

    return start


class Broker:
    """A Kafka broker of one node."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self.begin()

    def begin(self) -> None:
        command = [sys.executable, str(ROOT / "scripts" / "kafka.py"), "serve", str(self._folder), str(self.port)]
        with (self._folder.parent / "kafka.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        assert listening(self.port), (self._folder.parent / "kafka.log").read_text()[-2000:]

    def restart(self) -> None:
        self.end()
        self.begin()

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    script("kafka.py", "fetch")
    running = Broker(tmp_path / "kafka")
    script("kafka.py", "topic", str(running.port), "atlas-spans")
    yield running
    running.end()


def finished(process: subprocess.Popen[str], timeout_s: float = 600.0) -> str:
    """What a program printed, once it has ended well."""
    said, _ = process.communicate(timeout=timeout_s)
    assert process.returncode == 0, said[-4000:]
    return said


def ended(process: subprocess.Popen[str]) -> str:
    """What a program printed until it was killed."""
    process.kill()
    return process.communicate()[0]

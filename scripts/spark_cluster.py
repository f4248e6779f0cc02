"""A Spark cluster on loopback for demos and tests: a master and workers, each a process of a Python that has pyspark.

with cluster(python, folder, workers=2) as spark:
    spark.master             spark://127.0.0.1:PORT
    spark.workers[0].kill()  and its executors go with it
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import venv
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import platformdirs

if TYPE_CHECKING:
    from collections.abc import Iterator

MASTER = "org.apache.spark.deploy.master.Master"
WORKER = "org.apache.spark.deploy.worker.Worker"
START_S = 120.0


class Unavailable(Exception):
    """There is no Spark to be had here."""


class Daemon(NamedTuple):
    """A master or a worker: a process that leads a group, to which the executors that it starts belong."""

    process: subprocess.Popen[bytes]
    log: Path

    def kill(self) -> None:
        """End it and all that it started, at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Cluster(NamedTuple):
    """A cluster that runs. ``settings``: what a job on it needs to be told."""

    master: str
    workers: list[Daemon]
    settings: dict[str, str]


@contextmanager
def cluster(python: str, folder: Path, *, workers: int = 2, cores: int = 1, memory: str = "1g") -> Iterator[Cluster]:
    """A master and so many workers; ended with the block. Raises Unavailable without Java, or where none starts."""
    if shutil.which("java") is None:
        raise Unavailable("Java is not on PATH; Spark needs 17 or newer")
    home = _home(python)
    port = _free_port()
    started: list[Daemon] = []
    try:
        where = ["--host", "127.0.0.1", "--port", str(port), "--webui-port", "0"]
        started.append(_start(home, python, folder / "master", MASTER, where))
        master = f"spark://127.0.0.1:{port}"
        _await(started[0], re.compile("I have been elected leader"))
        for number in range(workers):
            work = folder / f"worker-{number}"
            given = [master, "--host", "127.0.0.1", "-c", str(cores), "-m", memory, "-d", str(work / "work")]
            started.append(_start(home, python, work, WORKER, [*given, "--webui-port", "0"]))
        for worker in started[1:]:
            _await(worker, re.compile("Successfully registered with master"))
        settings = {
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.executor.memory": memory,
            "spark.pyspark.python": python,
        }
        yield Cluster(master, started[1:], settings)
    finally:
        for daemon in reversed(started):
            daemon.kill()


def spark_python(requirements: Path) -> str:
    """The Python of an environment with Spark, made once a user where the tests keep theirs. Raises Unavailable."""
    wanted = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:12]
    cache = os.environ.get("ATLAS_OTEL_PEERS") or platformdirs.user_cache_dir("atlas-otel")
    folder = Path(cache, "peers", f"{requirements.stem}-{wanted}")
    folder.mkdir(parents=True, exist_ok=True)
    python, ready = folder / "bin" / "python", folder / "ready"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            venv.create(folder, with_pip=True)
            uv = shutil.which("uv", path=str(Path(sys.executable).parent))
            pip = [str(python), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
            for install in [pip] if uv is None else [[uv, "pip", "install", "--quiet", "--python", str(python)], pip]:
                done = subprocess.run([*install, "-r", str(requirements)], capture_output=True, text=True, check=False)
                if done.returncode == 0:
                    break
            else:
                raise Unavailable(f"Spark cannot be installed: {' '.join(done.stderr.split())[-300:]}")
            ready.touch()
    return str(python)


def _home(python: str) -> Path:
    found = subprocess.run(
        [python, "-c", "import pyspark; print(pyspark.__path__[0])"], capture_output=True, text=True, check=False
    )
    if found.returncode:
        raise Unavailable(f"{python} has no pyspark")
    return Path(found.stdout.strip())


def _start(home: Path, python: str, folder: Path, kind: str, arguments: list[str]) -> Daemon:
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "log"
    environment = {
        **os.environ,
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_NO_DAEMONIZE": "1",
        "SPARK_DAEMON_MEMORY": "256m",
        "PYSPARK_PYTHON": python,
    }
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(home / "bin" / "spark-class"), kind, *arguments],
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Daemon(process, log)


def _await(daemon: Daemon, said: re.Pattern[str]) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        text = daemon.log.read_text(errors="replace")
        if said.search(text):
            return
        if daemon.process.poll() is not None:
            break
        time.sleep(0.1)
    raise Unavailable(f"Spark did not start: {' '.join(daemon.log.read_text(errors='replace').split())[-500:]}")


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])

"""The parts as processes of their own, with the files that compose mounts, and the processor time that each used."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from benchmarks.postgres import Server

ROOT: Final = Path(__file__).parents[2]
HOST: Final = "127.0.0.1"
_PATIENCE_S: Final = 180.0
_TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")


def until(true: Callable[[], bool], what: str) -> None:
    """Wait until it is so. Raises TimeoutError, naming it."""
    deadline = time.monotonic() + _PATIENCE_S
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.05)


class Part:
    """A process. ``url``: where it is reached; ``metrics``: where it says what it does."""

    def __init__(
        self, command: list[str], env: Mapping[str, str], health: str, url: str, log: Path, metrics: str = ""
    ) -> None:
        log.parent.mkdir(exist_ok=True)
        with log.open("ab") as out:
            self._process = subprocess.Popen(command, env={**os.environ, **env}, stdout=out, stderr=out)
        self.url = url
        self.metrics = metrics
        try:
            until(lambda: self._answers(health), f"{command[0]} answers; see {log}")
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise

    def cpu_s(self) -> float:
        """Processor time that it has used so far."""
        return _cpu_s(self._process.pid)

    def end(self) -> None:
        """Stop it in order."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)

    def _answers(self, health: str) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError(f"it ended: {self._process.args!r}")
        try:
            if not health.startswith("http"):
                host, _, port = health.partition(":")
                socket.create_connection((host, int(port)), timeout=2).close()
                return True
            with urllib.request.urlopen(health, timeout=2):
                return True
        except OSError:
            return False


def postgres_cpu_s(server: Server) -> float:
    """Processor time of the server, with its backends, those that have ended too."""
    if server.folder is None:
        return float("nan")
    first = int((server.folder / "data" / "postmaster.pid").read_text().split("\n", 1)[0])
    children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
    return _cpu_s(first) + sum(_cpu_s(int(child)) for child in children)


def _cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # a backend that ended meanwhile: counted with its parent
        return 0.0
    return sum(map(int, fields[11:15])) * _TICK_S  # utime, stime, and those of children that were waited for


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server((HOST, 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def _running(part: Part) -> Iterator[Part]:
    try:
        yield part
    finally:
        part.end()


@contextmanager
def collect(database_url: str, folder: Path) -> Iterator[Part]:
    """``atlas-otel collect`` as it comes, its spool in ``folder``."""
    port = free_port()
    command = [sys.executable, "-m", "atlas_otel", "collect", "--database-url", database_url, "--port", str(port)]
    url = f"http://{HOST}:{port}"
    env = {"ATLAS_OTEL_SPOOL_DIR": str(folder / "spool")}
    with _running(Part(command, env, f"{url}/healthz", url, folder / f"collect-{port}.log")) as part:
        yield part


@contextmanager
def jaeger(binary: str, folder: Path) -> Iterator[Part]:
    """Jaeger with Badger in ``folder``/badger. Its URL is that of its OTLP port (gRPC)."""
    ports = {
        f"ATLAS_{name}_PORT": str(free_port()) for name in ("HEALTH", "UI", "QUERY_GRPC", "OTLP_GRPC", "OTLP_HTTP")
    }
    env = {**ports, "ATLAS_JAEGER_DIR": str(folder / "badger"), "OTEL_TRACES_SAMPLER": "always_off"}
    health = f"http://{HOST}:{ports['ATLAS_HEALTH_PORT']}/status"
    command = [binary, "--config", str(ROOT / "collector" / "jaeger.yaml")]
    url = f"{HOST}:{ports['ATLAS_OTLP_GRPC_PORT']}"
    with _running(Part(command, env, health, url, folder / "jaeger.log")) as part:
        yield part


@contextmanager
def collector(binary: str, folder: Path, config: str = "config.yaml", **env: str) -> Iterator[Part]:
    """A Collector with a configuration of ``collector/``, its queues in ``folder``/queue.

    Its URL is for OTLP over HTTP; the gateway's for gRPC, which is all it takes.
    """
    ports = {f"ATLAS_{name}_PORT": str(free_port()) for name in ("HEALTH", "OTLP_GRPC", "OTLP_HTTP", "METRICS")}
    health = f"http://{HOST}:{ports['ATLAS_HEALTH_PORT']}/"
    command = [binary, "--config", str(ROOT / "collector" / config)]
    grpc = f"{HOST}:{ports['ATLAS_OTLP_GRPC_PORT']}"
    url = grpc if "gateway" in config else f"http://{HOST}:{ports['ATLAS_OTLP_HTTP_PORT']}"
    metrics = f"http://{HOST}:{ports['ATLAS_METRICS_PORT']}/metrics"
    log = folder / f"{Path(config).stem}.log"
    with _running(
        Part(command, {**ports, "ATLAS_QUEUE_DIR": str(folder / "queue"), **env}, health, url, log, metrics)
    ) as part:
        yield part


@contextmanager
def kafka(folder: Path, topic: str) -> Iterator[Part]:
    """A broker of one node with the topic. Raises RuntimeError where it can't be had."""
    script = [sys.executable, str(ROOT / "scripts" / "kafka.py")]
    fetched = subprocess.run([*script, "fetch"], capture_output=True, text=True, check=False)
    if fetched.returncode:
        raise RuntimeError(fetched.stderr.strip())
    port = free_port()
    url = f"{HOST}:{port}"
    serve = [*script, "serve", str(folder / "kafka"), str(port)]
    with _running(Part(serve, {}, url, url, folder / "kafka.log")) as part:
        subprocess.run([*script, "topic", str(port), topic], capture_output=True, check=True)
        yield part


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for this host, its own authority, and its key."""
    cert, key = folder / "tls.pem", folder / "tls.key"
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    name = ["-subj", "/CN=gateway", "-addext", f"subjectAltName=IP:{HOST}"]
    command = ["openssl", "req", *kind, *name, "-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


def queued(collector: Part) -> float:
    """Bytes that wait in the Collector's queues."""
    with urllib.request.urlopen(collector.metrics, timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("otelcol_exporter_queue_size{"))


def disk_bytes(folder: Path) -> int:
    """What the files of a folder take on disk: of files with holes, what is there."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())

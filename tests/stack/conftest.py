"""The stack of each test: the very files that compose mounts, on ports and in folders of the test's own."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # what follows are modules of several tests, which no test loads
sys.path.insert(0, str(HERE.parent / "acceptance" / "faults"))  # Postgres that is killed

from processes import HOST, UNAVAILABLE, Collect, Collector, Jaeger, Stack, as_compose_reads, free_port  # noqa: E402
from server import Server  # noqa: E402

ROOT = HERE.resolve().parents[1]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def _env(service: str, **ours: object) -> dict[str, str]:
    """The environment that compose gives a service, but for where it listens, stores and sends."""
    given = as_compose_reads(COMPOSE["services"][service]["environment"])
    return {**os.environ, **given, "ATLAS_LISTEN": HOST, **{name: str(value) for name, value in ours.items()}}


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


@contextmanager
def running_jaeger(binaries: dict[str, str], folder: Path) -> Iterator[Jaeger]:
    """A Jaeger with its storage in ``folder``."""
    names = (
        "ATLAS_HEALTH_PORT",
        "ATLAS_UI_PORT",
        "ATLAS_QUERY_GRPC_PORT",
        "ATLAS_OTLP_GRPC_PORT",
        "ATLAS_OTLP_HTTP_PORT",
    )
    ports = {name: free_port() for name in names}
    server = Jaeger(
        name="jaeger",
        command=[binaries["jaeger"], "--config", str(ROOT / "collector" / "jaeger.yaml")],
        env=_env(
            "jaeger",
            ATLAS_JAEGER_DIR=folder / "badger",
            ATLAS_JAEGER_UI_CONFIG=ROOT / "collector" / "jaeger-ui.json",
            **ports,
        ),
        health_url=f"http://{HOST}:{ports['ATLAS_HEALTH_PORT']}/status",
        log=folder / "jaeger.log",
        otlp_port=ports["ATLAS_OTLP_GRPC_PORT"],
        otlp_http_port=ports["ATLAS_OTLP_HTTP_PORT"],
        ui_port=ports["ATLAS_UI_PORT"],
    )
    server.start()
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def running_collector(
    binaries: dict[str, str], folder: Path, jaeger: Jaeger, collect_endpoint: str
) -> Iterator[Collector]:
    """A Collector that sends to ``jaeger`` and to ``collect_endpoint``, its queue in ``folder``."""
    names = ("ATLAS_HEALTH_PORT", "ATLAS_OTLP_GRPC_PORT", "ATLAS_OTLP_HTTP_PORT", "ATLAS_METRICS_PORT")
    ports = {name: free_port() for name in names}
    server = Collector(
        name="collector",
        command=[binaries["collector"], "--config", str(ROOT / "collector" / "config.yaml")],
        env=_env(
            "collector",
            ATLAS_QUEUE_DIR=folder / "queue",
            ATLAS_JAEGER_ENDPOINT=f"{HOST}:{jaeger.otlp_port}",
            ATLAS_COLLECT_ENDPOINT=collect_endpoint,
            **ports,
        ),
        health_url=f"http://{HOST}:{ports['ATLAS_HEALTH_PORT']}/",
        log=folder / "collector.log",
        grpc_port=ports["ATLAS_OTLP_GRPC_PORT"],
        http_port=ports["ATLAS_OTLP_HTTP_PORT"],
        metrics_port=ports["ATLAS_METRICS_PORT"],
    )
    server.start()
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture
def jaeger(stack_binaries: dict[str, str], tmp_path: Path) -> Iterator[Jaeger]:
    """A running Jaeger of the test's own, which may be killed."""
    with running_jaeger(stack_binaries, tmp_path) as server:
        yield server


@pytest.fixture
def collect(database_url: str, tmp_path: Path) -> Iterator[Collect]:
    """A running ``atlas-otel collect`` that stores in the test's database."""
    port = free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ATLAS_", "OTEL_"))}
    server = Collect(
        name="collect",
        command=[sys.executable, "-m", "atlas_otel", "collect", "--database-url", database_url, "--port", str(port)],
        env={**kept, "ATLAS_OTEL_SPOOL_DIR": str(tmp_path / "spool")},
        health_url=f"http://{HOST}:{port}/healthz",
        log=tmp_path / "collect.log",
        endpoint=f"http://{HOST}:{port}",
    )
    server.start()
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture
def collect_endpoint() -> str:
    """Where the Collector sends the record. Nobody is there, unless a test's own fixture of this name says so."""
    return f"http://{HOST}:{free_port()}"


@pytest.fixture
def collector(
    stack_binaries: dict[str, str], jaeger: Jaeger, tmp_path: Path, collect_endpoint: str
) -> Iterator[Collector]:
    """A running Collector of the test's own, which may be killed."""
    with running_collector(stack_binaries, tmp_path, jaeger, collect_endpoint) as server:
        yield server


@pytest.fixture(scope="module")
def stack(stack_binaries: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A Jaeger and a Collector for all tests of a module, which stop neither."""
    folder = tmp_path_factory.mktemp("stack")
    with (
        running_jaeger(stack_binaries, folder) as jaeger,
        running_collector(stack_binaries, folder, jaeger, f"http://{HOST}:{free_port()}") as collector,
    ):
        yield Stack(collector, jaeger)


@pytest.fixture(scope="session")
def peer_python() -> Callable[[str], str]:
    """The Python of the environment that ``tests/peers/<name>.txt`` describes, as the integration tests make it."""
    spec = importlib.util.spec_from_file_location("peers_of_integration", HERE.parent / "integration" / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Callable[[str], str] = module._peer_python
    return found


@pytest.fixture
def make_server() -> Iterator[Callable[..., Server]]:
    """Makes Postgres servers of the test's own, which may be killed."""
    # Not pytest's own temporary folder: as root nobody else may enter that, and Postgres must.
    folder = Path(tempfile.mkdtemp(prefix="atlas-otel-stack-"))
    folder.chmod(0o711)
    made: list[Server] = []

    def make(**settings: str) -> Server:
        made.append(Server(folder / f"server-{len(made)}", settings))
        return made[-1]

    yield make
    for server in made:
        server.kill()
    shutil.rmtree(folder, ignore_errors=True)

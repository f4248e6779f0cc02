"""The scaled-out tiers with the files of collector/scale-out: agent → gateway → Kafka → two workers → Postgres.

The agent tier's balancer is not in the tested Collector: what it wraps, an OTLP exporter over TLS with the queue before
it, stands in its place. Everything else is as the files have it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
import yaml
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from processes import HOST, UNAVAILABLE, Collect, Collector, Server, eventually, free_port, listens

from atlas_otel import semconv

pytestmark = pytest.mark.timeout(180)

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "collector" / "scale-out"
KAFKA = [sys.executable, str(ROOT / "scripts" / "kafka.py")]
TOPIC = "atlas-spans"
SESSION = "e" * 32


class Kafka(Server):
    """A broker. Its ``health_url`` is where it listens: ``host:port``."""

    def healthy(self) -> bool:
        """Whether it takes connections."""
        assert self.process is not None
        assert self.process.poll() is None, f"{self.name} ended: {self.log.read_text()[-2000:]}"
        return listens(int(self.health_url.rpartition(":")[2]))


class Tiers(NamedTuple):
    """All of them, running."""

    agent: Collector
    gateway: Collector
    kafka: Kafka
    workers: list[Collector]
    collects: list[Collect]


@pytest.fixture(scope="session")
def kafka_is_here() -> None:
    """Fetch Kafka where that is possible; else the test is skipped."""
    fetched = subprocess.run([*KAFKA, "fetch"], capture_output=True, text=True, check=False)
    if fetched.returncode == UNAVAILABLE:
        pytest.skip(fetched.stderr.strip())
    assert fetched.returncode == 0, fetched.stderr


@pytest.fixture
def kafka(kafka_is_here: None, tmp_path: Path) -> Iterator[Kafka]:
    """A running broker with the topic."""
    port = free_port()
    server = Kafka(
        name="kafka",
        command=[*KAFKA, "serve", str(tmp_path / "kafka"), str(port)],
        env=dict(os.environ),
        health_url=f"{HOST}:{port}",
        log=tmp_path / "kafka.log",
    )
    try:
        server.start()
        subprocess.run([*KAFKA, "topic", str(port), TOPIC], check=True, capture_output=True, timeout=60)
        yield server
    finally:
        server.kill()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for the gateway, which is its own authority, and its key."""
    cert, key = tmp_path / "tls.pem", tmp_path / "tls.key"
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    name = ["-subj", "/CN=gateway", "-addext", f"subjectAltName=IP:{HOST}"]
    files = ["-keyout", str(key), "-out", str(cert)]
    subprocess.run(["openssl", "req", *kind, *name, *files], check=True, capture_output=True)
    return cert, key


class _Making:
    """Starts what is asked for, in the test's folder, and ends it at the end."""

    def __init__(self, binary: str, folder: Path, stack: ExitStack) -> None:
        self._binary = binary
        self._folder = folder
        self._stack = stack

    def collector(self, name: str, config: Path, **env: object) -> Collector:
        """A Collector with that configuration."""
        ports = {f"ATLAS_{port}_PORT": str(free_port()) for port in ("HEALTH", "OTLP_GRPC", "OTLP_HTTP", "METRICS")}
        folder = {"ATLAS_LISTEN": HOST, "ATLAS_QUEUE_DIR": str(self._folder / f"{name}-queue")}
        server = Collector(
            name=name,
            command=[self._binary, "--config", str(config)],
            env={**os.environ, **ports, **folder, **{key: str(value) for key, value in env.items()}},
            health_url=f"http://{HOST}:{ports['ATLAS_HEALTH_PORT']}/",
            log=self._folder / f"{name}.log",
            grpc_port=int(ports["ATLAS_OTLP_GRPC_PORT"]),
            http_port=int(ports["ATLAS_OTLP_HTTP_PORT"]),
            metrics_port=int(ports["ATLAS_METRICS_PORT"]),
        )
        self._stack.callback(server.kill)
        server.start()
        return server

    def collect(self, name: str, url: str) -> Collect:
        """An ``atlas-otel collect`` on a host of its own, as far as its spool goes."""
        port = free_port()
        server = Collect(
            name=name,
            command=[sys.executable, "-m", "atlas_otel", "collect", "--database-url", url, "--port", str(port)],
            env={**os.environ, "ATLAS_OTEL_SPOOL_DIR": str(self._folder / f"{name}-spool")},
            health_url=f"http://{HOST}:{port}/healthz",
            log=self._folder / f"{name}.log",
            endpoint=f"http://{HOST}:{port}",
        )
        self._stack.callback(server.kill)
        server.start()
        return server

    def agent_config(self, gateway: Collector) -> Path:
        """``agent.yaml`` with the balancer's own exporter and queue where the balancer stands."""
        config = yaml.safe_load((FOLDER / "agent.yaml").read_text())
        balancer = config["exporters"].pop("load_balancing")
        queue = {key: balancer[key] for key in ("sending_queue", "retry_on_failure")}
        to = {"endpoint": f"{HOST}:{gateway.grpc_port}", **balancer["protocol"]["otlp"], **queue}
        config["exporters"]["otlp_grpc"] = to
        config["service"]["pipelines"]["traces"]["exporters"] = ["otlp_grpc"]
        path = self._folder / "agent.yaml"
        path.write_text(yaml.safe_dump(config))
        return path


@pytest.fixture
def tiers(
    stack_binaries: dict[str, str],
    kafka: Kafka,
    certificate: tuple[Path, Path],
    database_url: str,
    tmp_path: Path,
) -> Iterator[Tiers]:
    cert, key = certificate
    with ExitStack() as stack:
        making = _Making(stack_binaries["collector"], tmp_path, stack)
        there = {"ATLAS_KAFKA": kafka.health_url, "ATLAS_TOPIC": TOPIC}
        collects = [making.collect(f"collect-{number}", database_url) for number in range(2)]
        workers = [
            making.collector(f"worker-{number}", FOLDER / "worker.yaml", ATLAS_COLLECT_URL=one.endpoint, **there)
            for number, one in enumerate(collects)
        ]
        gateway = making.collector(
            "gateway", FOLDER / "gateway.yaml", ATLAS_CERT_FILE=cert, ATLAS_KEY_FILE=key, **there
        )
        agent = making.collector("agent", making.agent_config(gateway), ATLAS_CA_FILE=cert)
        yield Tiers(agent, gateway, kafka, workers, collects)


def test_nothing_is_lost_or_doubled_while_each_tier_is_killed_once(tiers: Tiers, database_url: str) -> None:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{tiers.agent.endpoint}/v1/traces", timeout=30)))
    tracer = provider.get_tracer("sender")
    sent: list[str] = []

    def turn() -> None:
        """A few traces of one session; each goes to the partition that its id names."""
        for _ in range(8):
            with tracer.start_as_current_span("chat", attributes={semconv.ATLAS_SESSION_ID: SESSION}) as span:
                sent.append(f"{span.get_span_context().span_id:016x}")

    with psycopg.connect(database_url, autocommit=True) as database:

        def stored() -> list[str]:
            return [row[0] for row in database.execute("SELECT span_id FROM atlas_otel.spans ORDER BY 1")]

        def both_have_some() -> bool:
            turn()
            return all(one.metric("accepted_total") for one in tiers.collects)

        eventually(both_have_some, seconds=60, what="both workers have a share of the stream")
        eventually(lambda: stored() == sorted(sent), seconds=60, what="the stream has reached Postgres")
        for part in (tiers.agent, tiers.gateway, tiers.kafka, tiers.collects[0]):
            part.kill()
            if part is not tiers.agent:  # the sender has only itself then
                turn()
                time.sleep(1)
            part.start()
            turn()
        # What this worker has read, nobody has answered for when it dies: Kafka has it still.
        tiers.collects[1].kill()
        turn()
        time.sleep(2)
        tiers.workers[1].kill()
        tiers.workers[1].start()
        tiers.collects[1].start()
        turn()
        provider.shutdown()
        eventually(lambda: len(stored()) >= len(sent), seconds=90, what=f"{len(sent)} spans are in Postgres")
        assert stored() == sorted(sent)
        sessions = "SELECT count(*) FROM sessions"
        eventually(lambda: database.execute(sessions).fetchone() == (1,), seconds=30, what="they are one session")

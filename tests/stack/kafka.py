"""A Kafka of one node, as a process that a test kills and starts again."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from processes import HOST, Server, listens

TOPIC = "atlas-spans"
PARTITIONS = 4
MAX_MESSAGE_BYTES = 41_943_040
"""What ``collector/scale-out/README.md`` asks for."""
PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
"""


@dataclass
class Kafka(Server):
    """Its ``health_url`` is where it listens: ``host:port``."""

    def healthy(self) -> bool:
        """Whether it takes connections."""
        assert self.process is not None
        assert self.process.poll() is None, f"{self.name} ended: {self.log.read_text()[-2000:]}"
        return listens(int(self.health_url.rpartition(":")[2]))


def make_kafka(class_path: str, folder: Path, port: int, controller: int) -> Kafka:
    """A Kafka with its data in ``folder``, started, and with the topic."""
    folder.mkdir()
    properties = folder / "server.properties"
    properties.write_text(PROPERTIES.format(host=HOST, port=port, controller=controller, folder=folder))
    java = ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", class_path]
    _run([*java, "kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAQ", "-c", str(properties)])
    server = Kafka(
        name="kafka",
        command=[*java, "kafka.Kafka", str(properties)],
        env={"PATH": "/usr/bin:/bin"},
        health_url=f"{HOST}:{port}",
        log=folder / "kafka.log",
    )
    server.start()
    topic = ["--create", "--topic", TOPIC, "--partitions", str(PARTITIONS), "--replication-factor", "1"]
    limit = ["--config", f"max.message.bytes={MAX_MESSAGE_BYTES}"]
    tool = "org.apache.kafka.tools.TopicCommand"
    _run([*java, tool, "--bootstrap-server", server.health_url, *topic, *limit])
    return server


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

"""Kafka of one node, for the tests and the figures of the scaled-out design; fetched from Maven Central once a user.

    python scripts/kafka.py fetch              only fetch it
    python scripts/kafka.py serve FOLDER PORT  be a broker on 127.0.0.1, its data in FOLDER; becomes the Java process
    python scripts/kafka.py topic PORT NAME    make a topic as collector/scale-out/README.md asks for

Exit codes: 69, it can't be had here (no Java, no Maven, no registry), with the reason on stderr; else that of Kafka.
Kept beside what ``build_stack.py`` builds.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from build_stack import UNAVAILABLE, Unavailable, cache_dir

VERSION = "3.9.1"
PARTITIONS = 4
MAX_MESSAGE_BYTES = 41_943_040
PROJECT = f"""
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>atlas</groupId><artifactId>kafka</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>{VERSION}</version></dependency>
  </dependencies>
</project>
"""
PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
"""


def fetched() -> Path:
    """The folder of Kafka's jars, fetched first where they are not there yet. Raises Unavailable."""
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            raise Unavailable(f"{program} is not on PATH")
    cache = cache_dir()
    cache.mkdir(parents=True, exist_ok=True)
    target = cache / f"kafka-{VERSION}"
    with (cache / "kafka.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            with tempfile.TemporaryDirectory(dir=cache, prefix="build-") as work:
                Path(work, "pom.xml").write_text(PROJECT)
                copy = ["mvn", "-q", "-B", "dependency:copy-dependencies", "-DincludeScope=runtime"]
                command = [*copy, f"-DoutputDirectory={work}/jars"]
                done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
                if done.returncode:
                    raise Unavailable("\n".join((done.stdout + done.stderr).strip().splitlines()[-5:]))
                Path(work, "jars").replace(target)
    return target


def _java() -> list[str]:
    return ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", f"{fetched()}/*"]


def serve(folder: Path, port: int) -> None:
    """Become the broker; its data is made first where the folder is new."""
    java = _java()
    properties = folder / "server.properties"
    if not properties.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            controller = probe.getsockname()[1]
        properties.write_text(PROPERTIES.format(port=port, controller=controller, folder=folder))
        storage = ["kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAQ", "-c", str(properties)]
        subprocess.run([*java, *storage], check=True)
    os.execvp("java", [*java, "kafka.Kafka", str(properties)])


def make_topic(port: int, name: str) -> int:
    """Make it, for messages as large as the gateway sends; the exit code."""
    tool = ["org.apache.kafka.tools.TopicCommand", "--bootstrap-server", f"127.0.0.1:{port}"]
    topic = ["--create", "--topic", name, "--partitions", str(PARTITIONS), "--replication-factor", "1"]
    limit = ["--config", f"max.message.bytes={MAX_MESSAGE_BYTES}"]
    return subprocess.run([*_java(), *tool, *topic, *limit], check=False).returncode


def main(arguments: list[str]) -> int:
    """Do what is asked; the exit code."""
    try:
        match arguments:
            case ["fetch"]:
                fetched()
            case ["serve", folder, port]:
                serve(Path(folder), int(port))
            case ["topic", port, name]:
                return make_topic(int(port), name)
            case _:
                print(__doc__, file=sys.stderr)
                return 2
    except Unavailable as why:
        print(f"Kafka can't be had here: {why}", file=sys.stderr)
        return UNAVAILABLE
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

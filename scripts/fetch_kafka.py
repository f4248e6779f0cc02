"""Fetch Kafka from Maven Central, once for each user, and print its class path.

    python scripts/fetch_kafka.py        → /…/kafka-3.9.1/*

Exit codes: 0, it is there; 69, it can't be had here (no Java, no Maven, no registry), with the reason on stderr. Kept
beside what ``build_stack.py`` builds. Only the scaled-out design's tests use it.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from build_stack import UNAVAILABLE, Unavailable, cache_dir

VERSION = "3.9.1"
PROJECT = f"""
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>atlas</groupId><artifactId>kafka</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>{VERSION}</version></dependency>
  </dependencies>
</project>
"""


def class_path() -> str:
    """Kafka's jars, fetched first where they are not there yet. Raises Unavailable."""
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
    return f"{target}/*"


def main() -> int:
    """Print the class path; the exit code."""
    try:
        print(class_path())
    except Unavailable as why:
        print(f"Kafka can't be had here: {why}", file=sys.stderr)
        return UNAVAILABLE
    return 0


if __name__ == "__main__":
    sys.exit(main())

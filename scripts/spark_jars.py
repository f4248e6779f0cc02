"""The jars that Spark needs beside itself to read and write a lake, and to read Kafka; fetched from Maven once a user.

    python scripts/spark_jars.py    fetch them, and print their paths with commas between, as --jars takes them

Exit codes: 69, they can't be had here (no Java, no Maven, no registry), with the reason on stderr.
Kept beside what ``build_stack.py`` builds.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from build_stack import UNAVAILABLE, Unavailable, cache_dir

SPARK = "4.1.1"
ICEBERG = "1.12.0"
# Each by itself, and what it needs beside it by name: Spark's own projects name repositories that few may reach.
ARTIFACTS = (
    f"org.apache.iceberg:iceberg-spark-runtime-4.1_2.13:{ICEBERG}",
    f"org.apache.iceberg:iceberg-aws-bundle:{ICEBERG}",
    "org.xerial:sqlite-jdbc:3.53.4.0",
    "org.postgresql:postgresql:42.7.14",
    f"org.apache.spark:spark-sql-kafka-0-10_2.13:{SPARK}",
    f"org.apache.spark:spark-token-provider-kafka-0-10_2.13:{SPARK}",
    "org.apache.kafka:kafka-clients:3.9.1",
    "org.apache.commons:commons-pool2:2.12.1",
)


def fetched() -> list[Path]:
    """The jars, fetched first where they are not there yet. Raises Unavailable."""
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            raise Unavailable(f"{program} is not on PATH")
    cache = cache_dir()
    cache.mkdir(parents=True, exist_ok=True)
    target = cache / f"spark-jars-{SPARK}-{ICEBERG}"
    with (cache / "spark-jars.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            with tempfile.TemporaryDirectory(dir=cache, prefix="build-") as work:
                for artifact in ARTIFACTS:
                    copy = ["mvn", "-q", "-B", "dependency:copy", f"-Dartifact={artifact}"]
                    command = [*copy, f"-DoutputDirectory={work}/jars"]
                    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
                    if done.returncode:
                        raise Unavailable("\n".join((done.stdout + done.stderr).strip().splitlines()[-5:]))
                Path(work, "jars").replace(target)
    return sorted(target.glob("*.jar"))


def main() -> int:
    """Print them; the exit code."""
    try:
        print(",".join(map(str, fetched())))
    except Unavailable as why:
        print(f"Spark's jars can't be had here: {why}", file=sys.stderr)
        return UNAVAILABLE
    return 0


if __name__ == "__main__":
    sys.exit(main())

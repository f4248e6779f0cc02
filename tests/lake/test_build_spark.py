"""A build on a Spark cluster of two workers, one of which is killed meanwhile: the bytes of an export all the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from atlas_otel.lake.shipping import code_archive
from scripts.spark_cluster import Cluster, Unavailable, cluster

ROOT = Path(__file__).parents[2]
START_S = 240.0

pytestmark = pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java, and there is none on PATH")


def atlas_otel(python: str, *arguments: str, **settings: str) -> list[str]:
    done = subprocess.run(
        [python, "-m", "atlas_otel", *arguments],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stderr.splitlines()


def kill_when_it_works(spark: Cluster, building: subprocess.Popen[bytes]) -> None:
    """Kill the first worker as soon as one of its executors has been given a task."""
    work = spark.workers[0].log.parent / "work"
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and building.poll() is None:
        if any("Running task" in log.read_text(errors="replace") for log in work.glob("app-*/*/stderr")):
            spark.workers[0].kill()
            return
        time.sleep(0.1)
    pytest.fail("the worker was given no task")


@pytest.mark.timeout(900)
def test_a_cluster_that_loses_a_worker_builds_what_postgres_exports(
    database_url: str, tmp_path: Path, peer_python: Callable[[str], str]
) -> None:
    python = peer_python("lake-spark")
    settings = {"ATLAS_OTEL_DATABASE_URL": database_url, "ATLAS_OTEL_LAKE": str(tmp_path / "lake")}
    recording = [sys.executable, str(ROOT / "scripts" / "demo_lake.py"), "--record", database_url]
    subprocess.run([*recording, "--sessions", "60", "--large", "60"], check=True)
    everything = ("--include-all-statuses", "--quiet")
    exported, local, sparked = (tmp_path / f"{name}.jsonl" for name in ("exported", "local", "spark"))
    atlas_otel(sys.executable, "export", "--output", str(exported), *everything, **settings)
    atlas_otel(sys.executable, "lake", "archive", "--older-than", "0s", **settings)
    atlas_otel(sys.executable, "lake", "build", "--output", str(local), "--workers", "2", *everything, **settings)
    with zipfile.ZipFile(code_archive(tmp_path)) as code:
        code.extractall(tmp_path / "code")
    try:
        with cluster(python, tmp_path / "spark") as spark:
            conf = [part for key, value in spark.settings.items() for part in ("--conf", f"{key}={value}")]
            command = [python, "-m", "atlas_otel", "lake", "build", "--output", str(sparked), *everything]
            with (tmp_path / "build.log").open("wb") as log:
                building = subprocess.Popen(
                    [*command, "--engine", "spark", "--master", spark.master, *conf],
                    env={**os.environ, **settings, "PYTHONPATH": str(tmp_path / "code"), "SPARK_LOCAL_IP": "127.0.0.1"},
                    stderr=log,
                )
                kill_when_it_works(spark, building)
                assert building.wait() == 0, (tmp_path / "build.log").read_text(errors="replace")[-2000:]
    except Unavailable as error:
        pytest.skip(str(error))
    assert exported.read_bytes() == local.read_bytes() == sparked.read_bytes()

"""``atlas-otel doctor`` against the real Collector and Jaeger: the whole way, and which part of it is away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from processes import Collector, Jaeger, eventually


class Doctor:
    """Runs it as a user does, with a database that is well."""

    def __init__(self, url: str, collector: Collector, jaeger: Jaeger, folder: Path) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ATLAS_", "OTEL_"))}
        self._env = {
            **kept,
            "ATLAS_OTEL_DATABASE_URL": url,
            "ATLAS_OTEL_SPOOL_DIR": str(folder / "spool"),
            "ATLAS_OTEL_JAEGER_URL": jaeger.url,
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
        }

    def __call__(self) -> tuple[int, dict[str, dict[str, Any]]]:
        """The exit code, and each finding by what was looked at."""
        command = [sys.executable, "-m", "atlas_otel", "doctor", "--json"]
        done = subprocess.run(command, env=self._env, capture_output=True, text=True, timeout=60, check=False)
        assert "Traceback" not in done.stderr, done.stderr
        found = {one["what"]: one for one in json.loads(done.stdout)["findings"]}
        assert found["row"]["grade"] == found["line"]["grade"] == "OK", "Postgres needs neither of them"
        return done.returncode, found


@pytest.fixture
def doctor(database_url: str, collector: Collector, jaeger: Jaeger, tmp_path: Path) -> Doctor:
    return Doctor(database_url, collector, jaeger, tmp_path)


def test_the_probe_is_found_in_jaeger_by_its_link(doctor: Doctor, jaeger: Jaeger) -> None:
    code, found = doctor()
    assert code == 0, found
    assert found["collector"]["grade"] == "OK"
    said = found["jaeger"]["said"]
    assert said.startswith(f"shows the probe's 3 spans: {jaeger.url}/trace/")
    assert len(jaeger.spans(said.rpartition("/")[2])) == 3
    assert "3 of 3 sent over OTLP" in found["accounts"]["said"]


def test_a_jaeger_that_is_away_is_said_and_gets_the_probe_later(
    doctor: Doctor, collector: Collector, jaeger: Jaeger
) -> None:
    jaeger.kill()
    code, found = doctor()
    assert code == 1
    assert found["collector"]["grade"] == "OK"
    assert found["jaeger"]["grade"] == "FAIL"
    assert "refused" in found["jaeger"]["said"]
    assert "start Jaeger" in found["jaeger"]["todo"]
    assert collector.metric("otelcol_exporter_queue_size", "jaeger") > 0
    jaeger.start()
    eventually(
        lambda: not collector.metric("otelcol_exporter_queue_size", "jaeger"), seconds=60, what="Jaeger got what waited"
    )
    assert doctor()[0] == 0


def test_a_collector_that_is_away_is_said(doctor: Doctor, collector: Collector) -> None:
    collector.kill()
    code, found = doctor()
    assert code == 1
    assert found["collector"]["grade"] == "FAIL"
    assert "start the Collector" in found["collector"]["todo"]
    assert "jaeger" not in found, "nobody could have brought it there"
    assert "0 of 3 sent over OTLP" in found["accounts"]["said"]

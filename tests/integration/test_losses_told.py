"""What is missing and no span: counted, offered as a metric, told at exit, in the log and by ``doctor``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import json, logging, sys
import atlas_otel as atlas
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
logging.basicConfig(format="LOG %(message)s", stream=sys.stdout)
reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))
def redact(text, where):
    if text == "bad":
        raise RuntimeError("no")
    return text
telemetry = atlas.configure(console=False, redact=redact)
for _ in range(3):
    atlas.record_reward(0.5)
atlas.add_guidance("note")
with atlas.session("t", name="s") as session:
    atlas.record_reward(float("nan"))
    session.output = ["bad", "good"]
telemetry.flush(20)
points = [
    point
    for resource in reader.get_metrics_data().resource_metrics
    for scope in resource.scope_metrics
    for metric in scope.metrics
    if metric.name == "atlas_otel.absorbed"
    for point in metric.data.data_points
]
print(json.dumps([dict(telemetry.accounts.absorbed), {p.attributes["cause"]: p.value for p in points}]))
"""
COUNTS = {"event_outside_session": 4, "report_refused": 1, "redaction_failed": 1}


@pytest.mark.parametrize("stored", [True, False], ids=["stored", "nothing stored"])
def test_every_loss_is_told(stored: bool, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "ATLAS_"))}
    env |= {"ATLAS_OTEL_SPOOL_DIR": str(tmp_path)}
    if stored:
        env |= {"ATLAS_OTEL_DATABASE_URL": request.getfixturevalue("database_url")}
    file = tmp_path / "agent.py"
    file.write_text(PROGRAM, encoding="utf-8")
    done = subprocess.run([sys.executable, file], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    *log, counted = done.stdout.splitlines()
    assert json.loads(counted) == [COUNTS, COUNTS]
    outside = [line for line in log if "outside a session" in line]
    assert [f"{file}:16" in outside[0], f"{file}:17" in outside[1], len(outside)] == [True, True, 2]
    told = [line for line in done.stderr.splitlines() if " × " in line]
    assert [line.split(": ")[1] for line in told] == [f"{COUNTS[cause]} × {cause}" for cause in sorted(COUNTS)]
    assert "mend the redactor" in done.stderr


def test_doctor_tells_them(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(
        "import atlas_otel\n"
        "def redact(text, where):\n    raise RuntimeError\n"
        "atlas_otel.configure(console=False, redact=redact)\n",
        encoding="utf-8",
    )
    env = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "ATLAS_"))}
    env |= {"ATLAS_OTEL_DATABASE_URL": database_url, "ATLAS_OTEL_SPOOL_DIR": str(tmp_path / "spool")}
    env |= {"PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])}
    done = subprocess.run(
        [sys.executable, "-m", "atlas_otel", "doctor", "--app", "shop"],
        env=env, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert "× redaction_failed" in done.stdout, done.stdout + done.stderr
    assert "mend the redactor" in done.stdout

"""The accounts as metrics of a real meter provider, set before ``configure`` or after it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import json
import atlas_otel as atlas
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
reader = InMemoryMetricReader()
{first}
with atlas.session("t", name="s") as session:
    atlas.emit_event("e")
telemetry.flush(20)
found = {{}}
for resource in reader.get_metrics_data().resource_metrics:
    for scope in resource.scope_metrics:
        for metric in scope.metrics:
            for point in metric.data.data_points:
                found[metric.name + " " + point.attributes["state"]] = point.value
print(json.dumps(found))
"""
SET = "metrics.set_meter_provider(MeterProvider([reader]))"
CONFIGURE = "telemetry = atlas.configure(console=False)"


@pytest.mark.parametrize("first", [f"{SET}\n{CONFIGURE}", f"{CONFIGURE}\n{SET}"], ids=["before", "after"])
def test_the_accounts_are_offered_as_metrics(first: str, database_url: str, tmp_path: Path) -> None:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "ATLAS_"))}
    env |= {"ATLAS_OTEL_DATABASE_URL": database_url, "ATLAS_OTEL_SPOOL_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(first=first)],
        env=env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["atlas_otel.spans started"] == found["atlas_otel.spans stored"] == 1
    assert found["atlas_otel.events started"] == found["atlas_otel.events stored"] == 1
    assert found["atlas_otel.spans open"] == found["atlas_otel.spans spooled"] == 0

"""What ``import atlas_otel`` offers, and how little it loads."""

from __future__ import annotations

import json
import subprocess
import sys

import atlas_otel


def test_the_public_names_are_these() -> None:
    assert sorted(atlas_otel.__all__) == [
        *("AtlasOtelError", "ConfigError", "ExecutionContext", "IntermediateStep", "IntermediateStepManager"),
        *("IntermediateStepPayload", "IntermediateStepType", "Observation", "RunResult", "Session", "Step"),
        *("Telemetry", "UsageError", "__version__", "add_guidance", "agent", "arun", "configure", "current_session"),
        *("current_step", "emit_event", "flush", "get_trace_id", "get_trace_url", "llm", "observe", "record_reward"),
        *(
            "register_form",
            "run",
            "session",
            "set_metadata",
            "set_plan",
            "set_validation",
            "shutdown",
            "step",
            "suppress_tracing",
        ),
        *("tool", "using_attributes"),
    ]
    assert {name for name in atlas_otel.__all__ if getattr(atlas_otel, name, None) is None} == set()
    assert set(atlas_otel.__all__) <= set(dir(atlas_otel))


def test_they_are_loaded_when_they_are_used() -> None:
    program = """
import json, sys
import atlas_otel as atlas
@atlas.tool
def look(): return 1
with atlas.session("t"):
    look()
before = "pydantic" in sys.modules
atlas.IntermediateStepPayload
print(json.dumps([before, "pydantic" in sys.modules]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=60)
    assert json.loads(done.stdout) == [False, True]

"""Under ``atlas-otel exec``, programs that set a tracer provider of their own: both sides are whole."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.frameworks.conftest import PROGRAMS, RunFramework, model_server

pytestmark = pytest.mark.timeout(900)
MODEL_SPANS = {
    "logfire": ["Chat Completion with {request_data[model]!r}"] * 3
    + ["streaming response from {request_data[model]!r} took {duration:.2f}s"],
    "phoenix": ["ChatCompletion"] * 3,
    "openlit": ["chat gpt-test"] * 3,
    "mlflow": ["Completions"] * 3,
}


def _bare(python: str, library: str, folder: Path) -> list[str]:
    """What the library's backend gets without us."""
    with model_server.scripted_model() as model:
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "PATH", "TMPDIR") if name in os.environ}
        done = subprocess.run(
            [python, str(PROGRAMS / "own_provider_agent.py"), library],
            env={
                **kept,
                "OPENAI_BASE_URL": model.url,
                "OPENAI_API_KEY": "nobody",
                "OTEL_EXPORTER_OTLP_ENDPOINT": model.url.removesuffix("/v1"),
            },
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("library", ["logfire", "phoenix", "openlit", "mlflow"])
def test_both_sides_are_whole(
    library: str, run_framework: RunFramework, peer_python: Callable[[str], str], tmp_path: Path
) -> None:
    peer = f"provider-{library}"
    bare = _bare(peer_python(peer), library, tmp_path)
    assert set(MODEL_SPANS[library]) <= set(bare)
    ran = run_framework(peer, "own_provider_agent.py", arguments=[library])
    assert json.loads(ran.printed[-1]) == bare
    said = [line for line in ran.complaints.splitlines() if line.startswith("atlas-otel exec:")]
    if library == "mlflow":
        # Its spans are on a provider that nobody else sees; the program's own shows no agent and no model.
        assert ran.lines == []
        assert ["1 of weather" in line for line in said] == [True]
        return
    assert not [line for line in said if "came without a session" not in line]
    assert ran.line["session_metadata"]["token_usage"]["calls"] >= 2
    # Each call once: what the program instruments itself is not instrumented by us too.
    assert len(ran.events("LLM_START")) == len([name for name in bare if name in set(MODEL_SPANS[library])])

"""Installing atlas-otel beside a framework moves none of its packages: what it resolves to alone, it keeps."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli", reason="reads pyproject.toml; in the standard library from Python 3.11 on")

ROOT = Path(__file__).parents[2]
FRAMEWORKS = (
    *("crewai", "autogen-agentchat", "google-adk", "llama-index", "arize-phoenix", "logfire", "langfuse", "mlflow"),
    *("opentelemetry-sdk==1.35.0", "protobuf<6"),
)
OUT_OF_REACH = ("error sending request", "dns error", "Could not connect", "Failed to fetch", "connection refused")


@pytest.fixture(scope="session")
def uv() -> str:
    """uv, which resolves without installing."""
    found = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if found is None:
        pytest.skip("uv is not installed, so nothing is resolved")
    return found


def resolve(uv: str, requirements: list[str], folder: Path, constraints: Path | None = None) -> Path:
    """What the requirements come to: a file of pins, the newest that ``constraints`` allow."""
    asked, pins = folder / "asked.txt", folder / ("both.txt" if constraints else "alone.txt")
    asked.write_text("\n".join(requirements), encoding="utf-8")
    command = [uv, "pip", "compile", "--quiet", "--no-header", "--no-annotate", str(asked), "--output-file", str(pins)]
    done = subprocess.run(
        [*command, *(["--constraint", str(constraints)] if constraints else [])],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and any(sign in done.stderr for sign in OUT_OF_REACH):
        pytest.skip("the package index is out of reach, so nothing is resolved")
    assert done.returncode == 0, done.stderr
    return pins


@pytest.mark.timeout(600)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_nothing_of_a_framework_moves(framework: str, uv: str, tmp_path: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    alone = resolve(uv, [framework], tmp_path)
    for ours in (project["dependencies"], project["dependencies"] + project["optional-dependencies"]["otlp"]):
        both = resolve(uv, [framework, *ours], tmp_path, constraints=alone)
        assert set(alone.read_text("utf-8").splitlines()) <= set(both.read_text("utf-8").splitlines())


@pytest.mark.timeout(600)
def test_pip_has_nothing_to_complain_of(uv: str, tmp_path: Path) -> None:
    """Installed for real beside a framework that holds OpenTelemetry back, where nothing moves either."""
    python = tmp_path / "venv" / "bin" / "python"
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    held = ["autogen-agentchat==0.7.5", "opentelemetry-sdk==1.37.0", "protobuf==5.29.6"]
    for command in (
        [uv, "venv", "--quiet", "--python", sys.executable, str(tmp_path / "venv")],
        [uv, "pip", "install", "--quiet", "--python", str(python), *held],
        [uv, "pip", "install", "--quiet", "--python", str(python), *ours],
        [uv, "pip", "install", "--quiet", "--python", str(python), "--no-deps", str(ROOT)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode and any(sign in done.stderr for sign in OUT_OF_REACH):
            pytest.skip("the package index is out of reach, so nothing is installed")
        assert done.returncode == 0, done.stderr
    checked = subprocess.run([uv, "pip", "check", "--python", str(python)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    frozen = subprocess.run(
        [uv, "pip", "freeze", "--python", str(python)], capture_output=True, text=True, check=True
    ).stdout
    assert set(held) <= set(frozen.splitlines())
    program = "import atlas_otel as atlas\nwith atlas.session('t'):\n    print('recorded')"
    done = subprocess.run([str(python), "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout == "recorded\n", done.stderr

"""Real frameworks as real processes under ``atlas-otel exec``, against a scripted model and a real database."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import pytest

import atlas_otel
import atlas_otel_exporters
from atlas_otel.models.session_trace import AtlasSessionTrace
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.records.record import encode_record

RECORD = "ATLAS_OTEL_RECORD_FRAMEWORKS"
"""Set, the runs' spans are written to ``tests/recorded/frameworks`` anew, for tests that need no framework."""
RECORDED = Path(__file__).parents[2] / "recorded" / "frameworks"
PROGRAMS = Path(__file__).parents[2] / "peers" / "frameworks"


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, PROGRAMS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


model_server = _load("model_server")


@pytest.fixture(scope="session")
def atlas_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PYTHONPATH that holds the atlas-otel under test and nothing else, its entry points too."""
    folder = tmp_path_factory.mktemp("atlas")
    for package in (atlas_otel, atlas_otel_exporters):
        (folder / package.__name__).symlink_to(Path(str(package.__file__)).parent)
    described = distribution("atlas-otel")
    information = folder / "atlas_otel-0.dist-info"
    information.mkdir()
    for name in ("METADATA", "entry_points.txt"):
        (information / name).write_text(described.read_text(name) or "", encoding="utf-8")
    return folder


@dataclass(frozen=True)
class Ran:
    """A program that has ended: what it printed, what the model was asked, the lines it came to."""

    printed: list[str]
    complaints: str
    asked: list[tuple[str, dict[str, Any], dict[str, str]]]
    lines: list[dict[str, Any]]
    sent: int
    """How many batches came over OTLP."""

    @property
    def line(self) -> dict[str, Any]:
        """The only line; it loads as the trainer's type."""
        (line,) = self.lines
        AtlasSessionTrace.model_validate(line)
        return line

    def events(self, event_type: str) -> list[dict[str, Any]]:
        """Payloads of trajectory events of one type, oldest first."""
        return [e["event"]["payload"] for e in self.line["trajectory_events"] if e["event_type"] == event_type]


RunFramework = Callable[..., Ran]


@pytest.fixture
def run_framework(
    peer_python: Callable[[str], str], atlas_path: Path, database_url: str, tmp_path: Path
) -> RunFramework:
    """Run ``program`` in the environment ``peer`` under ``atlas-otel exec``, or under a program that is there.

    ``server``: a program that serves meanwhile, under the same; what it prints first is the program's ``MCP_URL``.
    """

    def run(
        peer: str,
        program: str,
        *,
        wrapper: str | None = None,
        server: str | None = None,
        name: str = "",
        arguments: Sequence[str] = (),
        **environment: str,
    ) -> Ran:
        python = peer_python(peer)
        launcher = [python, "-m", "atlas_otel", "exec", "--"]
        if wrapper is not None:
            launcher = [str(Path(python).with_name(wrapper))]
        launcher.append(python)
        with ExitStack() as held:
            model = held.enter_context(model_server.scripted_model())
            kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
            variables = {
                **kept,
                "PATH": os.pathsep.join([str(Path(python).parent), os.environ["PATH"]]),
                "PYTHONPATH": str(atlas_path),
                "OPENAI_BASE_URL": model.url,
                "OPENAI_API_KEY": "nobody",
                "OTEL_EXPORTER_OTLP_ENDPOINT": model.url.removesuffix("/v1"),
                "OPENAI_AGENTS_DISABLE_TRACING": "0",
                "ATLAS_OTEL_DATABASE_URL": database_url,
                "ATLAS_OTEL_SPOOL_DIR": str(tmp_path / "spool"),
                "ATLAS_OTEL_EXIT_TIMEOUT_S": "20",
                "XDG_STATE_HOME": str(tmp_path),
                **environment,
            }
            if server is not None:
                serving = _serving([*launcher, str(PROGRAMS / server)], variables, tmp_path / "server.log")
                variables["MCP_URL"] = held.enter_context(serving)
            done = subprocess.run(
                [*launcher, str(PROGRAMS / program), *arguments],
                env=variables,
                capture_output=True,
                text=True,
                timeout=100,
                check=False,
            )
        assert done.returncode == 0, done.stderr
        print(done.stderr)  # shown where a test fails
        if os.environ.get(RECORD):
            _record(database_url, peer, name or peer, python)
        return Ran(
            done.stdout.splitlines(), done.stderr, model.requests, _export(database_url, tmp_path), len(model.traces)
        )

    return run


@contextmanager
def _serving(command: list[str], environment: dict[str, str], log: Path) -> Iterator[str]:
    """A program while it serves: its address. It ends in order when it is asked to."""
    with (
        log.open("wb") as errors,
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
            process.terminate()
            assert process.wait(60) == 0, log.read_text(encoding="utf-8")
        finally:
            process.kill()


def _export(database_url: str, folder: Path) -> list[dict[str, Any]]:
    output = folder / "traces.jsonl"
    command = [sys.executable, "-m", "atlas_otel", "export", "--database-url", database_url, "--output", str(output)]
    done = subprocess.run([*command, "--include-all-statuses"], capture_output=True, text=True, timeout=60, check=False)
    if "no sessions" in done.stderr:
        return []
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]


def _record(database_url: str, peer: str, name: str, python: str) -> None:
    """The first line says what was installed; then one record a line, without what is this machine's."""
    with psycopg.connect(database_url) as connection, PostgresStore(database_url) as store:
        ((key,),) = connection.execute("SELECT key FROM atlas_otel.sessions").fetchall()
        spans = store.records(key).spans
    requirements = (PROGRAMS.parent / f"{peer}.txt").read_text(encoding="utf-8").splitlines()
    lines = [json.dumps({"installed": [line for line in requirements if not line.startswith("#")]})]
    for span in sorted(spans.values(), key=lambda span: (span.start_ns, span.span_id)):
        line = encode_record(span._replace(resource={"service.name": "recorded"})).decode()
        for path, shown in ((Path(python).parents[1], "/environment"), (PROGRAMS.parents[2], "/repository")):
            line = line.replace(str(path), shown)
        lines.append(line)
    RECORDED.mkdir(exist_ok=True)
    (RECORDED / f"{name.removeprefix('framework-')}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")

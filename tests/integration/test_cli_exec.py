"""``atlas-otel exec``: the program is the program, with its output, exit code and signals; only, it is recorded."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from atlas_otel.autostart import FOLDER, environment

EXEC = [sys.executable, "-m", "atlas_otel", "exec"]
AGENT = """
from opentelemetry import trace
with trace.get_tracer("agent").start_as_current_span("chat m") as span:
    span.set_attribute("gen_ai.operation.name", "chat")
print("done")
"""


def _run(*arguments: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ATLAS_OTEL_", "OTEL_"))}
    return subprocess.run(
        [*EXEC, *arguments], capture_output=True, text=True, check=False, timeout=60, input=stdin, env=kept | variables
    )


@pytest.mark.parametrize("code", [0, 3, 255])
def test_exit_code_input_and_output_are_the_program_s(code: int) -> None:
    program = f"import sys; print(sys.stdin.read().upper()); sys.exit({code})"
    done = _run("--", sys.executable, "-c", program, stdin="said")
    assert (done.returncode, done.stdout, done.stderr) == (code, "SAID\n", "")


def test_a_signal_ends_the_program_as_it_would_without_us() -> None:
    done = _run("--", sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGTERM)")
    assert done.returncode == -signal.SIGTERM


def test_options_before_the_program_are_ours_and_those_after_it_its_own() -> None:
    program = "import os, sys; print(os.environ['OTEL_SERVICE_NAME'], *sys.argv[1:])"
    done = _run("--service-name", "shop", "--", sys.executable, "-c", program, "--service-name", "--", "-x")
    assert done.stdout == "shop --service-name -- -x\n"


def test_what_it_does_is_recorded(database_url: str, tmp_path: Path) -> None:
    done = _run(
        "--database-url", database_url, "--", sys.executable, "-c", AGENT,
        ATLAS_OTEL_SPOOL_DIR=str(tmp_path), ATLAS_OTEL_EXIT_TIMEOUT_S="20",
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT status FROM sessions").fetchall() == [("succeeded",)]


def test_a_program_that_is_not_there_is_a_wrong_call() -> None:
    done = _run("--", "no-such-program-anywhere")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no-such-program-anywhere" in done.stderr


def test_a_wrong_setting_stops_the_recording_and_not_the_program() -> None:
    done = _run("--", sys.executable, "-c", "print(1)", ATLAS_OTEL_DURABILITY="for ever")
    assert (done.returncode, done.stdout) == (0, "1\n")
    assert "ATLAS_OTEL_DURABILITY" in done.stderr


def test_a_sitecustomize_that_ours_hides_runs_too(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import builtins; builtins.hidden = 'ran'", encoding="utf-8")
    paths = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = _run("--", sys.executable, "-c", "print(hidden)", PYTHONPATH=paths)
    assert done.stdout == "ran\n", done.stderr


def test_programs_that_it_starts_are_recorded_too() -> None:
    inner = "from atlas_otel import pipeline; print(pipeline.current() is not None)"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    assert _run("--", sys.executable, "-c", program).stdout == "True\n"


def test_the_environment_keeps_what_is_set() -> None:
    present = {"PYTHONPATH": os.pathsep.join(["a", FOLDER, "b"]), "OTEL_SEMCONV_STABILITY_OPT_IN": "mine", "X": "1"}
    made = environment(present, {"ATLAS_OTEL_DATABASE_URL": "db", "OTEL_SERVICE_NAME": None})
    assert made["PYTHONPATH"].split(os.pathsep) == [FOLDER, "a", "b"]
    assert (made["OTEL_SEMCONV_STABILITY_OPT_IN"], made["X"], made["ATLAS_OTEL_DATABASE_URL"]) == ("mine", "1", "db")
    assert "OTEL_SERVICE_NAME" not in made
    assert made["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] == "SPAN_ONLY"


def test_without_content_the_instrumentations_are_told_to_take_none() -> None:
    made = environment({"ATLAS_OTEL_CAPTURE_CONTENT": "false"}, {})
    assert made["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] == "NO_CONTENT"


OWN_PROVIDER = """
import json, sys
from opentelemetry import trace
early = trace.get_tracer("early")
if "span first" in sys.argv:
    early.start_span("before").end()
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
exporter, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
assert trace.get_tracer_provider() is provider
with early.start_as_current_span("invoke_agent a", attributes={"gen_ai.operation.name": "invoke_agent"}):
    with trace.get_tracer("late").start_as_current_span("chat m", attributes={"gen_ai.operation.name": "chat"}):
        pass
import atlas_otel as atlas
with atlas.session("ours", name="s"):
    trace.get_tracer("late").start_span("inside").end()
trace.set_tracer_provider(TracerProvider())  # refused, as ever
print(json.dumps(sorted(span.name for span in exporter.get_finished_spans())))
"""


@pytest.mark.parametrize("when", ["at once", "span first"])
def test_a_provider_that_the_program_sets_is_adopted(when: str, database_url: str, tmp_path: Path) -> None:
    done = _run(
        "--database-url", database_url, "--", sys.executable, "-c", OWN_PROVIDER, when,
        ATLAS_OTEL_SPOOL_DIR=str(tmp_path), ATLAS_OTEL_EXIT_TIMEOUT_S="20",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == '["chat m", "inside", "invoke_agent a", "invoke_agent s"]\n'
    with psycopg.connect(database_url) as connection:
        names = connection.execute("SELECT name FROM atlas_otel.spans ORDER BY name").fetchall()
    assert [name for (name,) in names] == ["chat m", "inside", "invoke_agent a", "invoke_agent s"]
    assert done.stderr.count("Overriding of current TracerProvider is not allowed") == 1
    assert ("1 of early" in done.stderr) == (when == "span first")


def test_what_could_not_be_done_is_said_once_at_the_end() -> None:
    program = """
from opentelemetry import trace
class Bare(trace.TracerProvider):
    def get_tracer(self, *a, **k):
        return trace.NoOpTracer()
with trace.get_tracer("web").start_as_current_span("GET /"):
    pass
trace.set_tracer_provider(Bare())
print("done")
"""
    done = _run("--", sys.executable, "-c", program)
    assert (done.returncode, done.stdout) == (0, "done\n")
    said = [line for line in done.stderr.splitlines() if line.startswith("atlas-otel exec:")]
    assert ["Bare" in said[0], "1 of web" in said[1], len(said)] == [True, True, 2], done.stderr

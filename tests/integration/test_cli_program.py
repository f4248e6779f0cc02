"""The command line as a program: what a shell sees of it."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import pytest

from atlas_otel.cli import COMMANDS, main
from atlas_otel.cli.reference import reference

if TYPE_CHECKING:
    from collections.abc import Callable

DOCS = Path(__file__).parents[2] / "docs"
Run: TypeAlias = "Callable[..., Ended]"


class Ended(NamedTuple):
    """What a command left."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Runs a command in this process, without the settings of whoever runs the tests."""
    for name in os.environ:
        if name.startswith(("ATLAS_", "OTEL_")):
            monkeypatch.delenv(name)

    def call(*arguments: str, **env: str) -> Ended:
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        code = main(arguments)
        return Ended(code, *capfd.readouterr())

    return call


def test_help_lists_every_command_and_imports_none() -> None:
    script = (
        "import sys\n"
        "from atlas_otel.cli import main\n"
        "code = main(['--help'])\n"
        "heavy = {'psycopg', 'pydantic', 'rich', 'yaml', 'opentelemetry.sdk', 'atlas_otel_exporters'}\n"
        "loaded = heavy & set(sys.modules)\n"
        "assert not loaded, loaded\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    for command in COMMANDS:
        assert f"  {command.name} " in done.stdout


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_has_help(run: Run, command: object) -> None:
    done = run(command.name, "--help")  # type: ignore[attr-defined]
    assert done.returncode == 0, done.stderr
    assert f"Usage: atlas-otel {command.name}" in done.stdout  # type: ignore[attr-defined]


def test_the_version_is_the_packages(run: Run) -> None:
    assert run("--version").stdout == f"atlas-otel {version('atlas-otel')}\n"


def test_the_reference_is_the_codes() -> None:
    stated = (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")
    assert stated == reference(), "run: python -m atlas_otel.cli.reference >docs/reference/cli.md"


@pytest.mark.parametrize(
    ("arguments", "env", "code", "said"),
    [
        (["export", "--output", "-"], {}, 2, "--database-url"),
        (["db", "status"], {"ATLAS_OTEL_DATABASE_URL": "mysql://u:secret@x"}, 2, "ATLAS_OTEL_DATABASE_URL"),
        (["db", "init", "--database-url", "postgresql://u:secret@127.0.0.1:1/x"], {}, 1, "127.0.0.1"),
        (["export", "--output", "/proc/x/y", "--database-url", "postgresql://u@127.0.0.1:1/x"], {}, 1, "/proc/x/y"),
        (["review", "show", "1", "--database-url", "postgresql://u:secret@127.0.0.1:1/x"], {}, 1, "127.0.0.1"),
        (
            ["export", "--output", "-", "--config", "/nowhere.yaml", "--database-url", "embedded"],
            {},
            2,
            "/nowhere.yaml",
        ),
    ],
)
def test_an_error_is_one_line_that_says_what_and_where(
    run: Run, arguments: list[str], env: dict[str, str], code: int, said: str
) -> None:
    done = run(*arguments, **env)
    assert done.returncode == code
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("atlas-otel: ")
    assert said in line
    assert "secret" not in line


@pytest.mark.parametrize(
    "arguments",
    [
        ["exprt"],
        ["export"],
        ["export", "--output", "-", "--since", "yesterday"],
        ["export", "--output", "-", "--format", "csv"],
        ["export", "--output", "-", "--limit", "-1"],
        ["review", "approve"],
    ],
)
def test_a_wrong_call_ends_with_two_and_no_traceback(run: Run, arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "Usage: atlas-otel" in done.stderr


@pytest.mark.parametrize("arguments", [["--version"], ["export"]])
def test_the_module_runs_as_the_program_does(run: Run, arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "atlas_otel", *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == run(*arguments)

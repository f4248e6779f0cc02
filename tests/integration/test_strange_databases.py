"""Every command over a database that is empty, older, newer or somebody else's: its result, or one line of why."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from atlas_otel.cli import COMMANDS
from atlas_otel.postgres import migrate

CONFIG = """
agent:
  type: python
  name: nobody
  system_prompt: Be brief.
  import_path: json
  attribute: dumps
storage:
  database_url: "{url}"
"""
KEY = "ab" * 16
CALLS: dict[str, list[list[str]]] = {
    "adapters": [["describe", "--config", "CONFIG"]],
    "dataset": [["verify", "OUT"]],
    "db": [["status"], ["reap", "--older-than", "1h"], ["retain", "--records", "30d"]],
    "delete": [["--session", KEY], ["--user", "eve", "--dry-run"]],
    "diff": [["1", "2"]],
    "doctor": [["--no-probe"]],
    "export": [["--output", "OUT"]],
    "import": [["EMPTY"]],
    "lake": [
        ["archive", "--older-than", "30d", "--lake", "LAKE"],
        ["restore", "--lake", "LAKE", KEY],
        ["verify", "--lake", "LAKE"],
    ],
    "project": [[]],
    "rebuild": [["--all"]],
    "refused": [["list"]],
    "review": [["sessions"], ["show", "1"], ["approve", "1"]],
    "reward": [["1", "0.5"]],
    "sessions": [["list"], ["show", "1"]],
    "spool": [["status"], ["replay"]],
    "stats": [[]],
    "tokens": [["list"], ["create", "one"], ["revoke", "one"]],
    "verify": [[]],
}
LEFT_OUT = {
    "collect": "runs until it is stopped; its store says so in the log",
    "config": "reads no database",
    "demo": "makes its own",
    "exec": "runs a program",
    "mcp": "serves until its input ends",
    "run": "runs an agent",
    "ui": "serves until it is stopped",
}


def test_no_command_is_forgotten() -> None:
    names = {command.name for command in COMMANDS}
    assert names - set(CALLS) - set(LEFT_OUT) == set()


@pytest.fixture(params=["empty", "older", "newer", "stranger's"])
def strange(request: pytest.FixtureRequest, empty_database_url: str) -> str:
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        if request.param == "stranger's":
            connection.execute("CREATE TABLE public.sessions (who TEXT); CREATE TABLE public.plans (x INT)")
        if request.param in ("older", "newer"):
            migrate.init(empty_database_url)
        if request.param == "newer":
            connection.execute(
                "INSERT INTO atlas_otel.schema_migrations (version, name, checksum) VALUES (9999, 'later', 'x')"
            )
        if request.param == "older":
            connection.execute("DELETE FROM atlas_otel.schema_migrations WHERE version > 6")
            connection.execute(
                "DROP TABLE atlas_otel.tombstones, atlas_otel.deletions, atlas_otel.tokens, atlas_otel.senders CASCADE"
            )
    return empty_database_url


def test_each_says_one_line_or_its_result(strange: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG.format(url=strange))
    (tmp_path / "empty.json").write_text("")
    places = {
        "CONFIG": str(tmp_path / "config.yaml"),
        "OUT": str(tmp_path / "out"),
        "EMPTY": str(tmp_path / "empty.json"),
        "LAKE": str(tmp_path / "lake"),
    }
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("ATLAS_", "OTEL_"))}
    environment |= {"ATLAS_OTEL_DATABASE_URL": strange, "ATLAS_OTEL_SPOOL_DIR": str(tmp_path / "spool")}
    calls = [[name, *(places.get(one, one) for one in call)] for name, several in CALLS.items() for call in several]
    program = (
        "import json, sys, io, contextlib\n"
        "from atlas_otel.cli import main\n"
        "for call in json.loads(sys.argv[1]):\n"
        "    out, err = io.StringIO(), io.StringIO()\n"
        "    try:\n"
        "        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):\n"
        "            code = main(call)\n"
        "    except BaseException as error:\n"
        "        code = f'{type(error).__name__}: {error}'\n"
        "    print(json.dumps([call, code, out.getvalue(), err.getvalue()]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(calls)],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    wrong = []
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(calls)
    for call, code, out, err in answers:
        lines = err.strip().splitlines()
        plain = isinstance(code, int) and "Traceback" not in err and "psycopg" not in err
        told = call[0] in ("doctor", "db") or code == 0 or len(lines) == 1
        if not (plain and told):
            wrong.append((call, code, out[-300:], err[-600:]))
    assert wrong == []

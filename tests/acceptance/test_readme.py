"""What README.md and the guides show is run as it stands there, and what they point to exists."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from atlas_otel.cli import COMMANDS

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = ["README.md", *(str(page.relative_to(ROOT)) for page in sorted((ROOT / "docs").rglob("*.md")))]


def python_of(page: str) -> str:
    """The page's Python, all of its blocks one after the other."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return "\n\n".join(re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE))


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "ATLAS_"))}
    environment = {**inherited, "HOME": str(folder), "XDG_STATE_HOME": str(folder)}
    done = subprocess.run(
        [sys.executable, *command], env=environment, cwd=folder, capture_output=True, text=True, timeout=90
    )
    assert done.returncode == 0, done.stderr
    return done


def run_page(page: str, database_url: str, folder: Path) -> tuple[str, dict[str, dict]]:
    """What the page's program prints, and the lines of its sessions by task."""
    program = python_of(page)
    assert program.count('database_url="embedded"') == 1
    # The database is the test's own; nothing else of the page is changed.
    program = (
        program.replace('database_url="embedded"', f"database_url={database_url!r}") + "\n\ntelemetry.shutdown()\n"
    )
    (folder / "program.py").write_text(program, encoding="utf-8")
    done = run(folder, "-W", "error", "program.py")
    assert done.stderr == ""
    output = folder / "traces.jsonl"
    run(
        folder, "-m", "atlas_otel", "export", "--database-url", database_url, "--include-status", "pending",
        "--output", str(output),
    )  # fmt: skip
    lines = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    return done.stdout, {line["task"]: line for line in lines}


def test_the_readmes_programs_do_what_it_says(database_url: str, tmp_path: Path) -> None:
    printed, lines = run_page("README.md", database_url, tmp_path)
    answer, key = printed.splitlines()
    assert answer == "It starts faster and needs less memory"
    assert set(lines) == {"What is new in release 2.0?", "Summarise the release"}

    first = lines["What is new in release 2.0?"]
    assert first["final_answer"] == answer
    assert first["session_reward"]["score"] == 0.9
    assert [(step["step_id"], step["description"], step["attempts"]) for step in first["steps"]] == [
        (1, "Collect the changes", 1),
        (2, "Write the summary", 1),
    ]
    assert first["steps"][0]["validation"] == {"valid": True, "reason": "2 changes"}
    assert first["session_metadata"]["token_usage"] == {
        "prompt_tokens": 12,
        "completion_tokens": 7,
        "total_tokens": 19,
        "calls": 1,
    }

    second = lines["Summarise the release"]
    assert second["session_metadata"]["session_key"] == key
    assert second["session_metadata"]["tenant"] == "acme"
    (step,) = second["steps"]
    assert step["attempts"] == 2
    assert step["guidance"] == ["There is no release 2.1: ask for 2.0."]
    assert json.loads(step["output"]) == ["Starts faster", "Needs less memory"]


def test_the_guides_programs_do_what_it_says(database_url: str, tmp_path: Path) -> None:
    # It also asserts by itself, in its section on tests.
    _, lines = run_page("docs/decorators.md", database_url, tmp_path)
    assert set(lines) == {"Find the notes", "What is it in francs?", "Which notes are there?"}
    assert "never recorded" not in json.dumps(lines)
    assert "not recorded" not in json.dumps(lines)
    asked = lines["Which notes are there?"]
    assert asked["final_answer"] == "Two notes."
    assert (asked["session_metadata"]["user_id"], asked["session_metadata"]["tenant"]) == ("u-17", "acme")
    assert [step["attempts"] for step in asked["steps"]] == [1, 2]
    assert asked["session_reward"]["score"] == 0.9


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if not target.startswith(("http://", "https://")):
            assert ((ROOT / page).parent / target).exists(), f"{page} points to {target}"


@pytest.mark.parametrize("page", PAGES)
def test_commands_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    shown = re.findall(r"(?:^|`|bin/)atlas-otel ([a-z]+)", text, flags=re.MULTILINE)
    assert set(shown) <= {command.name for command in COMMANDS}
    options = re.findall(r"^make ([a-z-]+)", text, flags=re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in {*options, *re.findall(r"`make ([a-z-]+)", text)}:
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), f"{page}: make {target}"

"""What the README and the guide to decorators show comes to the lines they promise; what pages point to exists."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from atlas_otel_exporters import export_jsonl
from tests.support.pages import ROOT, pages, run_page

if TYPE_CHECKING:
    from pathlib import Path

PAGES = pages()


def lines_of(database_url: str, folder: Path) -> dict[str, dict[str, Any]]:
    """The lines of all sessions, by task."""
    export_jsonl(folder / "all.jsonl", database_url=database_url, review_statuses=None)
    lines = [json.loads(line) for line in (folder / "all.jsonl").read_text(encoding="utf-8").splitlines()]
    return {line["task"]: line for line in lines}


@pytest.mark.timeout(400)
def test_the_readmes_programs_do_what_it_says(database_url: str, tmp_path: Path) -> None:
    work = run_page("README.md", database_url, tmp_path)
    (exported,) = (work / "traces.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(exported)["task"] == "What is new in release 2.0?"

    lines = lines_of(database_url, tmp_path)
    assert set(lines) == {"What is new in release 2.0?", "Summarise the release"}
    first = lines["What is new in release 2.0?"]
    assert first["final_answer"] == "It starts faster and needs less memory."
    assert first["session_reward"]["score"] == 0.9
    assert first["review_status"] == "approved"
    assert [(step["step_id"], step["description"], step["attempts"]) for step in first["steps"]] == [
        (1, "Collect the changes", 1),
        (2, "Write the summary", 1),
    ]
    assert first["session_metadata"]["token_usage"]["calls"] == 1

    second = lines["Summarise the release"]
    assert second["session_metadata"]["tenant"] == "acme"
    (step,) = second["steps"]
    assert step["attempts"] == 2
    assert step["guidance"] == ["There is no release 2.1: ask for 2.0."]
    assert json.loads(step["output"]) == ["Starts faster", "Needs less memory"]


@pytest.mark.timeout(400)
def test_get_started_ends_with_an_approved_conversation(database_url: str, tmp_path: Path) -> None:
    work = run_page("docs/get-started.md", database_url, tmp_path)
    (row,) = map(json.loads, (work / "chat.jsonl").read_text(encoding="utf-8").splitlines())
    assert [message["role"] for message in row["messages"]] == ["system", "user", "assistant"]
    assert row["messages"][-1]["train"] is True
    lines = lines_of(database_url, tmp_path)
    failed = lines["What is new in release 9.9?"]
    assert (failed["session_metadata"]["status"], failed["review_status"]) == ("failed", "quarantined")


@pytest.mark.timeout(400)
def test_the_guides_programs_do_what_it_says(database_url: str, tmp_path: Path) -> None:
    # It also asserts by itself, in its section on tests.
    run_page("docs/decorators.md", database_url, tmp_path)
    lines = lines_of(database_url, tmp_path)
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
def test_make_targets_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {
        name for names in re.findall(r"^([a-z][a-z -]*):", makefile, flags=re.MULTILINE) for name in names.split()
    }
    for found in re.findall(r"^make ([a-z][a-z-]+)|`make ([a-z][a-z-]+)", text, flags=re.MULTILINE):
        assert "".join(found) in targets, page

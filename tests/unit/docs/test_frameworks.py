"""What docs/frameworks.md says to install is what ``tests/peers`` installs, and what an installer would take."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "frameworks.md").read_text(encoding="utf-8")
PEERS = {
    "pydantic-ai": "pydantic-ai",
    "LangGraph, LangChain": "langgraph",
    "LangGraph, LangChain, OpenLLMetry": "langgraph-openllmetry",
    "OpenAI Agents SDK": "openai-agents",
    "openai SDK, official instrumentation": "openai",
    "openai SDK, OpenLLMetry": "openllmetry",
    "MCP servers and clients (`mcp` 2)": "pydantic-ai",
}


def rows() -> dict[str, list[str]]:
    """The table of what each framework needs: what to install, word by word."""
    table = re.findall(
        r"^\| (.+?) \| (.+?) \| .+? \|$", PAGE.partition("## What each framework needs")[2], re.MULTILINE
    )
    cells = dict(table)
    return {
        name: shlex.split(" ".join(re.findall(r"`([^`]+)`", cell))) for name, cell in cells.items() if name in PEERS
    }


def test_every_row_is_run() -> None:
    assert set(rows()) == set(PEERS)


@pytest.mark.parametrize("name", PEERS)
def test_what_to_install_is_what_was_tried(name: str) -> None:
    lines = (ROOT / "tests" / "peers" / f"framework-{PEERS[name]}.txt").read_text(encoding="utf-8").splitlines()
    tried = {one.name: one.specifier for line in lines if line and line[0] != "#" for one in [Requirement(line)]}
    for word in rows()[name]:
        wanted = Requirement(word)
        assert wanted.name in tried, word
        for pin in tried[wanted.name]:
            if pin.operator == "==" and wanted.specifier:
                assert wanted.specifier.contains(pin.version, prereleases=True), word
                # Not every pip takes a pre-release where the requirement itself names none.
                assert wanted.specifier.prereleases or not Version(pin.version).is_prerelease, word

"""Every module has its place in the order of imports: a new one that nobody placed would escape the check."""

from __future__ import annotations

import configparser
import importlib
import pkgutil
import re
from pathlib import Path

import atlas_otel

ROOT = Path(__file__).resolve().parents[3]
CONTRACTS = ROOT / ".importlinter"


def test_every_module_stands_in_the_layers() -> None:
    contracts = configparser.ConfigParser()
    contracts.read(CONTRACTS)
    placed = set(re.findall(r"atlas_otel\.(\w+)", contracts["importlinter:contract:layers"]["layers"]))
    present = {module.name for module in pkgutil.iter_modules(atlas_otel.__path__)}
    assert present - placed == set(), "give each of these a line in .importlinter"


def test_every_room_says_what_it_is_and_stands_in_the_table() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    for module in pkgutil.iter_modules(atlas_otel.__path__):
        if module.ispkg:
            room = importlib.import_module(f"atlas_otel.{module.name}")
            assert room.__doc__, module.name
            assert f"| `{module.name}/` |" in text, f"{module.name}: python scripts/rooms.py --write"


def test_every_file_that_answers_a_question_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    named = re.findall(
        r"`((?:atlas_otel|exporters)/[\w/.]+)`", text.split("## Where is it decided")[1].split("\n## ")[0]
    )
    assert len(named) >= 10
    assert [name for name in named if not (ROOT / name).exists()] == []

"""Every module has its place in the order of imports: a new one that nobody placed would escape the check."""

from __future__ import annotations

import configparser
import pkgutil
import re
from pathlib import Path

import atlas_otel

CONTRACTS = Path(__file__).resolve().parents[3] / ".importlinter"


def test_every_module_stands_in_the_layers() -> None:
    contracts = configparser.ConfigParser()
    contracts.read(CONTRACTS)
    placed = set(re.findall(r"atlas_otel\.(\w+)", contracts["importlinter:contract:layers"]["layers"]))
    present = {module.name for module in pkgutil.iter_modules(atlas_otel.__path__)}
    assert present - placed == set(), "give each of these a line in .importlinter"

"""The lock holds what pyproject.toml asks for, for every supported Python, and names no index."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[3]
LOCK = (ROOT / "requirements" / "dev.lock").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PYTHONS = ["3.10.13", "3.11.7", "3.12.1", "3.13.0"]


def _asked_for() -> list[str]:
    extras = PROJECT["project"]["optional-dependencies"].values()
    return [
        *PROJECT["build-system"]["requires"],
        *PROJECT["project"]["dependencies"],
        *PROJECT["dependency-groups"]["dev"],
        *(line for extra in extras for line in extra if not line.startswith("atlas-otel")),
    ]


def _locked(python: str) -> dict[str, str]:
    """Name → version of what is installed on ``python``, on Linux."""
    environment = {"python_version": python.rpartition(".")[0], "python_full_version": python, "sys_platform": "linux"}
    found = {}
    for line in re.findall(r"^[a-z0-9].*?==.*?(?= \\$)", LOCK, flags=re.MULTILINE):
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(environment):
            (pin,) = requirement.specifier
            found[canonicalize_name(requirement.name)] = pin.version
    return found


@pytest.mark.parametrize("python", PYTHONS)
def test_what_is_asked_for_is_locked(python: str) -> None:
    locked = _locked(python)
    environment = {"python_version": python.rpartition(".")[0], "python_full_version": python}
    for line in _asked_for():
        asked = Requirement(line)
        if asked.marker is None or asked.marker.evaluate(environment):
            assert asked.specifier.contains(locked[canonicalize_name(asked.name)]), f"{line}: run make lock"


def test_every_pin_has_hashes_and_no_index_is_named() -> None:
    assert LOCK.count("==") <= LOCK.count("--hash=sha256:")
    assert "://" not in LOCK
    assert "index-url" not in LOCK

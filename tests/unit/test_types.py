"""Decorated functions keep their types, and the decorators' own are what the documentation says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_a_users_code_type_checks() -> None:
    program = Path(__file__).with_name("public_api_types.py")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", str(program)],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stdout

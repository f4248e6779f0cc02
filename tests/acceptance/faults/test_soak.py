"""A short soak; ``make soak SECONDS=…`` is the long one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).with_name("soak.py")


@pytest.mark.timeout(180)
def test_accounts_rows_and_lines_agree_to_the_last_span_whatever_struck() -> None:
    short = ["--seconds", "8", "--agents", "2", "--backlog", "300", "--every", "0.7"]
    done = subprocess.run([sys.executable, str(SOAK), *short], capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["faults"] > 0
    assert result["promised"] > 100

"""A short soak; ``make soak SECONDS=…`` is the long one."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

SOAK = Path(__file__).with_name("soak.py")


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "more", [["--seconds", "8"], ["--seconds", "30", "--pace", "1", "--chaos"]], ids=["soak", "chaos"]
)
def test_accounts_rows_and_lines_agree_to_the_last_span_whatever_struck(more: list[str]) -> None:
    short = ["--agents", "2", "--backlog", "300", "--every", "0.7", *more]
    done = subprocess.run([sys.executable, str(SOAK), *short], capture_output=True, text=True, timeout=290, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["faults"] > 0
    assert result["promised"] > 100


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder for temporary ones that Postgres, as another user, can get through."""
    folder = Path(tempfile.mkdtemp(prefix="atlas-otel-soak-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_neither_processes_nor_files(temporary: Path, number: signal.Signals) -> None:
    arguments = [sys.executable, str(SOAK), "--agents", "1"]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(arguments, env=environment, stderr=subprocess.DEVNULL) as soak:
        while not list(temporary.glob("*/agents/ledger-0")):
            assert soak.poll() is None
            time.sleep(0.05)
        assert running(temporary)
        soak.send_signal(number)
        assert soak.wait(60) != 0
    assert list(temporary.iterdir()) == []
    assert running(temporary) == []


def running(folder: Path) -> list[str]:
    """The command lines that name a folder."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has ended
            continue
        if str(folder) in line:
            found.append(line)
    return found

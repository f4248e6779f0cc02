"""The last step of docs/get-started.md: what its agent recorded, approved and exported trains a model for one step."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.pages import ROOT, run_page

pytestmark = pytest.mark.timeout(1200)  # the first run makes the trainers' environment


def test_get_started_ends_with_a_trained_step(
    peer_python: Callable[[str], str], database_url: str, tmp_path: Path
) -> None:
    work = run_page("docs/get-started.md", database_url, tmp_path)
    done = subprocess.run(
        [peer_python("training"), str(ROOT / "examples" / "train" / "one_step.py"), "chat.jsonl"],
        env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        cwd=work, capture_output=True, text=True, timeout=1100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("trained 1 step(s) on chat.jsonl; loss ")


def test_review_and_train_end_to_end(peer_python: Callable[[str], str], database_url: str, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "ATLAS_OTEL_DATABASE_URL": database_url,
        "ATLAS_OTEL_SPOOL_DIR": str(tmp_path / "spool"),
        "TRAIN_PYTHON": peer_python("training"),
    }
    command = [sys.executable, str(ROOT / "examples" / "train" / "review_loop.py"), "--accept", "0.5"]
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=1100, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("trained 1 step(s) on chat.jsonl; loss ")
    rows = (tmp_path / "chat.jsonl").read_text(encoding="utf-8")
    assert rows.count("\n") == 2
    assert "Lyon" not in rows, "the wrong answer is quarantined"

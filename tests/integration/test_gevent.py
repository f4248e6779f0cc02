"""gevent from PyPI: a greenlet is in the session of whoever spawned it, however it was spawned."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import atlas_otel

PROGRAM = Path(__file__).parents[1] / "peers" / "gevent_sessions" / "greenlets.py"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("order", ["gevent first", "gevent later"])
def test_greenlets_are_in_the_session_of_whoever_spawned_them(order: str, peer_python: Callable[[str], str]) -> None:
    done = subprocess.run(
        [peer_python("gevent"), str(PROGRAM), order],
        env={**os.environ, "PYTHONPATH": str(Path(str(atlas_otel.__file__)).parents[1])},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    said = json.loads(done.stdout)
    assert Counter(map(tuple, said["calls"])) == {(task, task): 7 for task in "ABC"}
    # A greenlet begins without context variables, also where it takes the session along.
    assert said["seen"] == ["none"]

"""Peers: other projects' packages, each in an environment of its own, as judges of what we write and read."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

PEERS = Path(__file__).parents[1] / "peers"
# What pip says where it cannot reach its index, as against a package that does not install.
_OUT_OF_REACH = ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "ProxyError", "Network is unreach")


@pytest.fixture(scope="session")
def peer_python() -> Callable[[str], str]:
    """The Python of the environment that ``tests/peers/<name>.txt`` describes; made once a user, then kept.

    Kept under ``ATLAS_OTEL_PEERS`` (else the user's cache folder). Tests that may make one need a long timeout.
    """
    return _peer_python


def _peer_python(name: str) -> str:
    requirements = PEERS / f"{name}.txt"
    wanted = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:12]
    cache = os.environ.get("ATLAS_OTEL_PEERS") or platformdirs.user_cache_dir("atlas-otel")
    folder = Path(cache, "peers", f"{name}-{wanted}")
    folder.mkdir(parents=True, exist_ok=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ready = folder / "ready"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several workers, one environment
        if not ready.exists():
            venv.create(folder, with_pip=True, clear=False)
            pip = [str(python), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
            done = subprocess.run([*pip, "-r", str(requirements)], capture_output=True, text=True, check=False)
            if done.returncode:
                said = done.stdout + done.stderr
                if any(sign in said for sign in _OUT_OF_REACH):
                    pytest.skip(f"the package index is out of reach, so {name} cannot be installed")
                pytest.fail(f"{name} cannot be installed:\n{said}", pytrace=False)
            ready.touch()
    return str(python)

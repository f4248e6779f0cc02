"""An environment of its own for each peer, made once a user and kept: what ``peers/<name>.txt`` pins.

Kept below ``ATLAS_OTEL_PEERS``, else in the user's cache folder; made anew when the file or the Python changes.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Final

import platformdirs

PEERS: Final = Path(__file__).parent / "peers"
_LIMIT_S: Final = 600.0
_LINES: Final = 3


class NotInstalled(Exception):
    """A peer that cannot be installed here. Its text says why, in a line or three."""


def peer_python(name: str) -> str:
    """The Python of a peer's environment, which is made where it lacks. Raises NotInstalled."""
    requirements = PEERS / f"{name}.txt"
    wanted = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:12]
    cache = os.environ.get("ATLAS_OTEL_PEERS") or platformdirs.user_cache_dir("atlas-otel")
    folder = Path(cache, "peers", f"bench-{name}-{wanted}")
    folder.mkdir(parents=True, exist_ok=True)
    python = folder / "bin" / "python"
    ready = folder / "ready"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            # uv where it stands beside our own Python, for it takes a tenth of pip's time.
            uv = shutil.which("uv", path=str(Path(sys.executable).parent))
            venv.create(folder, with_pip=uv is None)
            with_uv = [uv or "", "pip", "install", "--quiet", "--python", str(python)]
            with_pip = [str(python), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
            _install([*(with_uv if uv else with_pip), "-r", str(requirements)])
            ready.touch()
    return str(python)


def _install(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_LIMIT_S)
    except subprocess.TimeoutExpired:
        raise NotInstalled(f"installing it took longer than {_LIMIT_S:.0f} s") from None
    if done.returncode:
        said = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise NotInstalled(" ".join(said[-_LINES:]) or f"the installer ended with {done.returncode}")

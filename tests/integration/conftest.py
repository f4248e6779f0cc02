"""Peers: other projects' packages, each in an environment of its own, as judges of what we write and read."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import venv
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from tests.support.exported_lines import assert_no_empty_message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PEERS = Path(__file__).parents[1] / "peers"
# What pip says where it cannot reach its index, or has no room, as against a package that does not install.
_OUT_OF_REACH = (
    "NewConnectionError",
    "NameResolutionError",
    "ConnectTimeoutError",
    "ProxyError",
    "Network is unreach",
    "No space left on device",
    "error sending request",
)


@pytest.fixture(autouse=True)
def no_export_holds_an_empty_message(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever lines of ours a test leaves in its folder, none of them holds a message that nobody sent empty."""
    yield
    folder = getattr(request.node, "funcargs", {}).get("tmp_path")
    for file in Path(folder).rglob("*.jsonl") if folder is not None else ():
        if file.is_file() and file.stat().st_size < _MOST_CHECKED:
            assert_no_empty_message(_lines_of_ours(file))


_MOST_CHECKED = 50_000_000


def _lines_of_ours(file: Path) -> Iterator[Any]:
    for line in file.read_bytes().splitlines():
        with suppress(ValueError):
            held = json.loads(line)
            if isinstance(held, dict) and ("session_id" in held or "session_metadata" in held):
                yield held


@pytest.fixture(scope="session")
def peer_python() -> Callable[[str], str]:
    """The Python of the environment that ``tests/peers/<name>.txt`` describes; made once a user, then kept.

    Kept under ``ATLAS_OTEL_PEERS`` (else the user's cache folder). Tests that may make one need a long timeout.
    """
    return _peer_python


def _peer_python(name: str) -> str:
    requirements = PEERS / f"{name}.txt"
    alone = PEERS / f"{name}.no-deps.txt"
    described = requirements.read_bytes() + (alone.read_bytes() if alone.exists() else b"") + sys.version.encode()
    wanted = hashlib.sha256(described).hexdigest()[:12]
    cache = os.environ.get("ATLAS_OTEL_PEERS") or platformdirs.user_cache_dir("atlas-otel")
    folder = Path(cache, "peers", f"{name}-{wanted}")
    folder.mkdir(parents=True, exist_ok=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ready = folder / "ready"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several workers, one environment
        if not ready.exists():
            _check_room(name, described, folder)
            venv.create(folder, with_pip=True, clear=False)
            _install(name, python, ["-r", str(requirements)])
            # Packages whose own requirements (gigabytes, at times) the tests don't need.
            if alone.exists():
                _install(name, python, ["--no-deps", "-r", str(alone)])
            ready.touch()
    return str(python)


def _check_room(name: str, described: bytes, folder: Path) -> None:
    """Skips where the disk has less room than the requirements say that they need: ``# room: 9 GB``."""
    stated = re.search(rb"# room: (\d+) GB", described)
    free = shutil.disk_usage(folder).free // 10**9
    if stated is not None and free < int(stated[1]):
        pytest.skip(f"the environment {name} needs {stated[1].decode()} GB of disk, and {free} GB are free")


def _install(name: str, python: Path, arguments: list[str]) -> None:
    """By uv, in a tenth of pip's time; by pip where uv cannot: it does not know pip's settings for an index."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent))
    pip = [str(python), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    installers = [pip] if uv is None else [[uv, "pip", "install", "--quiet", "--python", str(python)], pip]
    for installer in installers:
        done = subprocess.run([*installer, *arguments], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
    said = done.stdout + done.stderr
    if any(sign in said for sign in _OUT_OF_REACH):
        pytest.skip(f"the package index is out of reach, or the disk is full, so {name} cannot be installed")
    pytest.fail(f"{name} cannot be installed:\n{said}", pytrace=False)


RECORDED = Path(__file__).parents[1] / "recorded" / "arc_atlas_runs.jsonl.gz"


@pytest.fixture
def recorded_runs_url(database_url: str) -> str:
    """A database with five real runs of the Atlas SDK's runtime: one per lane, one in prose, one that failed.

    Run 2 had its first attempt rejected. All wait for review.
    """
    with psycopg.connect(database_url) as connection, gzip.open(RECORDED) as lines:
        for line in lines:
            entry = json.loads(line)
            query = "INSERT INTO {0} SELECT * FROM jsonb_populate_record(NULL::{0}, %s)"
            connection.execute(sql.SQL(query).format(sql.Identifier(entry["table"])), [Jsonb(entry["row"])])
    return database_url

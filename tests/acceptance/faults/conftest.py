"""Servers, proxies and agents for the fault tests: real processes, each on its own."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # proxy, server and agents are modules of the soak too, which no test loads

from agents import Agents  # noqa: E402
from disk import Disk  # noqa: E402
from proxy import Proxy  # noqa: E402
from server import Server  # noqa: E402


@pytest.fixture
def make_server() -> Iterator[Callable[..., Server]]:
    """Makes Postgres servers of the test's own; they may be killed, frozen and promoted."""
    # Not pytest's own temporary folder: as root nobody else may enter that, and Postgres must.
    folder = Path(tempfile.mkdtemp(prefix="atlas-otel-faults-"))
    folder.chmod(0o711)
    made: list[Server] = []

    def make(**settings: str) -> Server:
        made.append(Server(folder / f"server-{len(made)}", settings))
        return made[-1]

    yield make
    for server in made:
        server.kill()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def small_disk() -> Iterator[Disk]:
    """A disk of 96 MB, which only root may have (a container's will do)."""
    folder = Path(tempfile.mkdtemp(prefix="atlas-otel-disk-"))
    folder.chmod(0o711)
    try:
        disk = Disk(folder / "disk", 96)
    except OSError as error:
        shutil.rmtree(folder)
        pytest.skip(f"no disk of its own can be mounted: {error}")
    yield disk
    disk.remove()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def proxy(database_url: str) -> Iterator[Proxy]:
    """A way to the test's database that can be cut, frozen and slowed down."""
    with Proxy(database_url) as made:
        made.open()
        yield made


@pytest.fixture
def agents(tmp_path: Path) -> Iterator[Agents]:
    """Starts agents that note what was promised to them."""
    with Agents(tmp_path / "agents", dict(os.environ)) as made:
        yield made

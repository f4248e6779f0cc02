"""Fixtures that every folder of tests shares: a real Postgres server, and a fresh database for each test.

One embedded server runs for the whole session, shared by all workers of pytest-xdist. Each test that asks for
``database_url`` gets a database of its own, cloned from a migrated template.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql
from psycopg.conninfo import make_conninfo

from atlas_otel.postgres import embedded, migrate

if TYPE_CHECKING:
    from collections.abc import Iterator

# Who runs the tests in the background (nohup, a shell's &) ignores these for them and all their children; the programs
# that the tests start, and end by a signal, are to behave as a user's do.
for _signal, _handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_signal) is signal.SIG_IGN:
        with contextlib.suppress(ValueError):  # only the main thread may
            signal.signal(_signal, _handler)

# No test asserts speed, and a deadline for each example is one: machines that run tests are busy.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

_FOLDER = "ATLAS_OTEL_TEST_SERVER"
_TEMPLATE = "atlas_template"
# The data lives as long as the tests do: nothing has to survive a crash of the machine.
_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "200",
}


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # the controller; its workers inherit the variable
        # Not pytest's own temporary folder: as root nobody else may enter that, and Postgres must.
        os.environ[_FOLDER] = str(Path(tempfile.gettempdir(), f"atlas-otel-test-{uuid.uuid4().hex[:12]}"))


def pytest_unconfigure(config: pytest.Config) -> None:
    folder = Path(os.environ[_FOLDER])
    embedded.release(folder)
    if not hasattr(config, "workerinput") and folder.exists():
        embedded.stop(folder)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def server_url() -> str:
    """The conninfo of a server's maintenance database. Its role is a superuser.

    ``ATLAS_OTEL_TEST_DATABASE_URL`` names another server than the embedded one (another version, say).
    """
    if named := os.environ.get("ATLAS_OTEL_TEST_DATABASE_URL"):
        return named
    conninfo = embedded.ensure_running(os.environ[_FOLDER], settings=_SETTINGS, linger_s=0)
    return make_conninfo(conninfo, dbname="postgres")


@pytest.fixture(scope="session")
def admin(server_url: str) -> Iterator[psycopg.Connection]:
    """A connection to the maintenance database, in autocommit."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def template_database(admin: psycopg.Connection, server_url: str) -> str:
    """The name of a migrated database that nobody is connected to."""
    admin.execute("SELECT pg_advisory_lock(1)")
    try:
        if admin.execute("SELECT FROM pg_database WHERE datname = %s", [_TEMPLATE]).fetchone() is None:
            making = f"{_TEMPLATE}_making"
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(making)))
            migrate.init(make_conninfo(server_url, dbname=making))
            admin.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(making), sql.Identifier(_TEMPLATE))
            )
    finally:
        admin.execute("SELECT pg_advisory_unlock(1)")
    return _TEMPLATE


@pytest.fixture
def empty_database_url(admin: psycopg.Connection, server_url: str) -> Iterator[str]:
    """The conninfo of a fresh database with nothing in it."""
    yield from _database(admin, server_url, "template0")


@pytest.fixture
def database_url(admin: psycopg.Connection, server_url: str, template_database: str) -> Iterator[str]:
    """The conninfo of a fresh, migrated database."""
    yield from _database(admin, server_url, template_database)


def _database(admin: psycopg.Connection, server_url: str, template: str) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
    yield make_conninfo(server_url, dbname=name)
    admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

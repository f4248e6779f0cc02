"""Through pgbouncer: in session and in transaction mode all that a program, a command and a reader do goes through."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from atlas_otel.errors import PermanentStoreError
from atlas_otel.postgres.connect import connect
from tests.support.pooler import PGBOUNCER, pooling

pytestmark = pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer is not installed (apt-get install pgbouncer)")

AGENT = """
    import sys
    import atlas_otel as atlas

    telemetry = atlas.configure(database_url=sys.argv[1], durability="memory")

    @atlas.tool
    def look(n):
        return {"n": n}

    for number in range(20):
        with atlas.session(f"café {number}", name="pooled") as s:
            for n in range(3):
                with atlas.step(f"step {n}"):
                    look(n)
            s.final_answer = "é"
        atlas.record_reward(0.5, session_id=s.id)
        if number % 5 == 0:
            assert telemetry.flush(60), telemetry.accounts.waiting
    assert telemetry.flush(60), telemetry.accounts.waiting
    assert not telemetry.accounts.dropped, telemetry.accounts
"""


@pytest.fixture(params=["session", "transaction"])
def pooled_url(request: pytest.FixtureRequest, database_url: str) -> Iterator[str]:
    with pooling(database_url, request.param) as url:
        yield url


@pytest.fixture
def statement_pooled_url(database_url: str) -> Iterator[str]:
    with pooling(database_url, "statement") as url:
        yield url


def _environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "ATLAS_OTEL_", "PG"))}


def test_agents_at_once_are_recorded_and_exported(pooled_url: str, database_url: str, tmp_path: Path) -> None:
    """More processes than the pooler has connections, so that each transaction may meet another session."""
    program = textwrap.dedent(AGENT)
    command = [sys.executable, "-c", program, pooled_url]
    agents = [
        subprocess.Popen(command, env=_environment(), stderr=subprocess.PIPE, text=True, cwd=tmp_path) for _ in range(6)
    ]
    for agent in agents:
        _, said = agent.communicate(timeout=240)
        assert agent.returncode == 0, said
    with psycopg.connect(database_url) as connection:
        found = connection.execute(
            "SELECT count(*), count(DISTINCT task), min(final_answer), min(status) FROM public.sessions"
        ).fetchone()
        assert found == (120, 20, "é", "succeeded")
        (settings,) = connection.execute("SELECT current_setting('search_path')").fetchall()
        assert settings == ('"$user", public',)
    for arguments in (
        ["export", "--include-all-statuses", "--output", str(tmp_path / "out.jsonl")],
        ["review", "sessions", "--limit", "5"],
        ["sessions", "list"],
        ["verify"],
        ["db", "status"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "atlas_otel", *arguments],
            env={**_environment(), "ATLAS_OTEL_DATABASE_URL": pooled_url},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, (arguments, done.stderr)
    assert (tmp_path / "out.jsonl").read_bytes().count(b"\n") == 120


def test_nothing_of_ours_stays_in_a_session_that_others_get(pooled_url: str) -> None:
    with connect(pooled_url) as connection:
        assert connection.pooled
        assert connection.execute("SELECT current_setting('search_path')").fetchone() == ("pg_catalog, public",)
        assert connection.execute("SELECT current_setting('statement_timeout')").fetchone() == ("30s",)
        with psycopg.connect(pooled_url) as other:
            assert other.execute("SELECT current_setting('search_path')").fetchone() == ('"$user", public',)
            assert other.execute("SELECT current_setting('statement_timeout')").fetchone() == ("0",)


def test_statement_mode_is_refused(statement_pooled_url: str) -> None:
    with pytest.raises(PermanentStoreError, match="transaction"):
        connect(statement_pooled_url)

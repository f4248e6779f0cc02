"""Event loops that end with work in them: nothing is raised, no context is left, and the records say how it ended."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import psycopg
import pytest

from atlas_otel.delivery.spool_status import replay
from atlas_otel.postgres.dsn import describe
from atlas_otel.postgres.store import PostgresStore

PROGRAM = Path(__file__).parent / "programs" / "loops.py"
CANCELLED = "asyncio.exceptions.CancelledError"
# What each span ended with: (kind, type of the error).
ENDS = {
    "cancelled": Counter({("session", CANCELLED): 2, ("tool", CANCELLED): 4, ("llm", "GeneratorExit"): 1}),
    "thread": Counter({("session", CANCELLED): 2, ("tool", CANCELLED): 4, ("llm", "GeneratorExit"): 1}),
    "finaliser": Counter({("session", CANCELLED): 1, ("tool", CANCELLED): 1}),
    # Nobody cancels what the loop leaves: it is closed as it is collected.
    "stopped": Counter({("session", "GeneratorExit"): 2, ("tool", "GeneratorExit"): 4, ("llm", "GeneratorExit"): 1}),
}
ENDS["exit"] = ENDS["stopped"]


def _run(way: str, url: str, folder: Path) -> list[str]:
    """What it said on standard error: each line's first word, as the rest differs from run to run."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "ATLAS_"))}
    done = subprocess.run(
        [sys.executable, str(PROGRAM), way],
        env={**kept, "ATLAS_OTEL_DATABASE_URL": url, "ATLAS_OTEL_SPOOL_DIR": str(folder / "spool")},
        capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    return sorted(re.sub(r"\W.*", "", line) for line in done.stderr.splitlines())


@pytest.mark.parametrize("way", ENDS)
def test_a_loop_that_ends_before_its_work(way: str, database_url: str, tmp_path: Path) -> None:
    said = _run(way, database_url, tmp_path)
    assert said == _run(f"bare-{way}", database_url, tmp_path / "bare"), "asyncio complains as it does without us"
    with PostgresStore(database_url) as store:
        replay(store, describe(database_url), tmp_path / "spool")
    with psycopg.connect(database_url) as connection:
        sessions = connection.execute("SELECT status FROM sessions").fetchall()
        ended = connection.execute(
            "SELECT kind, coalesce(attributes->>'error.type', attributes->>'atlas.expected_exception') "
            "FROM atlas_otel.spans"
        ).fetchall()
        running = connection.execute("SELECT count(*) FROM atlas_otel.spans WHERE rank < 3").fetchone()
        cut = connection.execute(
            "SELECT count(*) FROM atlas_otel.spans WHERE kind = 'llm' AND events::text LIKE '%GeneratorExit%'"
        ).fetchone()
    assert set(sessions) == {("failed",)}
    assert running == (0,)
    found, wanted = Counter(ended), ENDS[way]
    if way == "exit":
        # What is alive as the interpreter ends is closed before the spool is, or after: then the next process says so.
        assert all(error in ("GeneratorExit", "abandoned") for _, error in ended)
        found, wanted = Counter(kind for kind, _ in ended), Counter(kind for kind, _ in wanted.elements())
    else:
        assert cut == ((1,) if ("llm", "GeneratorExit") in wanted else (0,)), "the stream was broken off"
    assert found == wanted

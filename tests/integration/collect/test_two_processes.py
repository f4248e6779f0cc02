"""An agent and its tool server, two processes over real HTTP: one session, with baggage and without."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest

from atlas_otel.postgres.store import PostgresStore

PROGRAMS = Path(__file__).parent / "programs"


@pytest.mark.parametrize("propagate", [True, False], ids=["baggage", "trace context alone"])
@pytest.mark.parametrize("through_collector", [False, True], ids=["to the database", "through collect"])
def test_both_processes_are_one_session_and_one_line(
    database_url: str,
    database: psycopg.Connection,
    tmp_path: Path,
    start: Callable[..., Any],
    eventually: Callable[..., Any],
    propagate: bool,
    through_collector: bool,
) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("ATLAS_", "OTEL_"))}
    environment |= {
        "ATLAS_OTEL_SPOOL_DIR": str(tmp_path / "agents"),
        "ATLAS_OTEL_PROPAGATE_SESSION": str(propagate).lower(),
        "ATLAS_OTEL_CONSOLE": "false",
        "ATLAS_OTEL_EXIT_TIMEOUT_S": "30",  # a busy machine may need longer than the two seconds of the default
    }
    server_environment = {**environment, "ATLAS_OTEL_DATABASE_URL": database_url}
    if through_collector:
        # The tool server knows of no database.
        server_environment = {
            **environment,
            "OTEL_EXPORTER_OTLP_ENDPOINT": start().base,
            "OTEL_BSP_SCHEDULE_DELAY": "50",
        }
    server = subprocess.Popen(
        [sys.executable, PROGRAMS / "tool_server.py"], stdout=subprocess.PIPE, text=True, env=server_environment
    )
    try:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        agent = subprocess.run(
            [sys.executable, PROGRAMS / "agent.py", port],
            env={**environment, "ATLAS_OTEL_DATABASE_URL": database_url},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert agent.returncode == 0, agent.stderr
        session = agent.stdout.strip()

        with PostgresStore(database_url) as store:

            def tool_calls() -> list[tuple[str, str]] | None:
                while store.project():
                    pass
                rows = store.rows(session)
                events = [] if rows is None else [orjson.loads(event.event)["payload"] for event in rows.events]
                tools = [(event["name"], event["event_type"]) for event in events if "TOOL" in event["event_type"]]
                return tools if ("lookup", "TOOL_END") in tools and len(store.records(session).spans) == 6 else None

            tools = eventually(tool_calls)
            rows = store.rows(session)
    finally:
        server.kill()
        server.wait()
        if server.stdout is not None:
            server.stdout.close()

    assert rows is not None
    assert (rows.session.status, rows.session.final_answer) == ("succeeded", "found /page")
    assert [step.step_id for step in rows.steps] == [1]
    assert tools is not None
    assert {"remote", "lookup"} <= {name for name, _ in tools}
    with PostgresStore(database_url) as store:
        assert store.mark_dirty() == 1  # there is no other session
    found = database.execute("SELECT name FROM atlas_otel.spans WHERE resolved ORDER BY name").fetchall()
    # Baggage names the session in the tool server already; else it is found through the trace.
    assert [name for (name,) in found] == ([] if propagate else ["GET", "execute_tool lookup"])

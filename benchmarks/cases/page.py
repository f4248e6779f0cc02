"""The page: a session of 10,000 spans as a skeleton, and the plots of a month of a million sessions.

Beside each stands the barest query that reads the same: the session's events as they are, and the month's numbers.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from benchmarks.finding import Finding
from benchmarks.measuring import alternate, ratio
from benchmarks.postgres import server

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.options import Options

_BEGIN: Final = date(2026, 1, 1)
_DAYS: Final = 30
_FILL: Final = """
INSERT INTO public.sessions (id, task, status, metadata, created_at, completed_at)
SELECT n, 'task ' || n %% 5000, 'succeeded', jsonb_build_object('agent_name', 'agent ' || n %% 20),
    %(begin)s::timestamptz + n * %(step)s::interval, %(begin)s::timestamptz + n * %(step)s::interval + interval '40 s'
FROM generate_series(1, %(sessions)s) AS n;
"""
_FACTS: Final = """
INSERT INTO atlas_otel.session_facts (
    session_id, revision, day, created_at, status, agent, learning_key, tags, models, tools, score, seconds, steps,
    attempts, retries, rejected, guided, improved, gain, compared, input_tokens, output_tokens, length, failed, calls,
    reasons, attention
)
SELECT id, 0, (created_at AT TIME ZONE 'UTC')::date, created_at,
    CASE WHEN id % 9 = 0 THEN 'failed' ELSE 'succeeded' END,
    'agent ' || id % 20, 'key ' || id % 5000, ARRAY['tag ' || id % 7], ARRAY['model ' || id % 5],
    ARRAY['tool ' || id % 30], (id % 11) / 10.0, 0.1 * (id % 900), 3, 4, 1, 1, 1, id % 2, 0.2, 1, 900, 300, 6, 0,
    jsonb_build_array(
        jsonb_build_array('model', 'model ' || id % 5, 3, 0, 900, 300, NULL, jsonb_build_object(40 + id % 8, 3)),
        jsonb_build_array('tool', 'tool ' || id % 30, 3, id % 2, 0, 0, NULL, jsonb_build_object(20 + id % 8, 3))
    ), '{}', 0
FROM public.sessions
"""


def measure(options: Options) -> Iterable[Finding]:
    """Two rows; what came of each is counted."""
    with server() as postgres:
        yield _skeleton(postgres.database(), options)
        yield _plots(postgres.database(), options)


def _skeleton(url: str, options: Options) -> Finding:
    import orjson

    import atlas_otel as atlas
    from atlas_otel.postgres.connect import connect
    from atlas_otel.postgres.store import PostgresStore
    from atlas_otel.testing import recording
    from atlas_otel.ui import skeleton

    spans = options.pick(10_000, 500)
    with recording() as recorded, atlas.session("many calls", name="agent"), atlas.step("call", id=1):
        for number in range(spans - 2):
            with atlas.tool(f"tool {number % 7}") as tool:
                tool.input = {"number": number, "text": "x" * 400}
                tool.output = "y" * 600
    with PostgresStore(url) as store:
        records = recorded.all
        for start in range(0, len(records), 5_000):
            store.write(records[start : start + 5_000])
        while store.project():
            pass
    with connect(url) as connection:
        row = connection.execute("SELECT id FROM public.sessions").fetchone()
        assert row is not None
        events = b"SELECT event::text FROM public.trajectory_events WHERE session_id = %s ORDER BY id"
        taken = alternate(
            {
                "ours": lambda: skeleton.skeleton(skeleton.read_events(connection, row[0]), "c0-r0"),
                "bare": lambda: connection.execute(events, [row[0]]).fetchall(),
            },
            options.rounds,
        )
        found = orjson.loads(skeleton.skeleton(skeleton.read_events(connection, row[0]), "c0-r0"))["spans"]
    return Finding(
        f"The page: the skeleton of a session of {spans:,} spans",
        "its events, read as they are",
        goal=2.0,
        ratio=ratio(taken["ours"], taken["bare"]),
        checked=f"{len(found):,} spans, 200 characters of each",
    )


def _plots(url: str, options: Options) -> Finding:
    from atlas_otel.postgres import facts
    from atlas_otel.postgres.connect import connect
    from atlas_otel.postgres.statements import statement
    from atlas_otel.ui.numbers import groups

    sessions = options.pick(1_000_000, 20_000)
    step = timedelta(days=_DAYS) / (sessions + 1)
    days = [_BEGIN + timedelta(days=number) for number in range(_DAYS)]
    month = {"since": days[0], "until": days[-1] + timedelta(days=1), "name": None}
    with connect(url, statement_timeout_ms=0) as connection:
        connection.execute(_FILL.encode(), {"begin": f"{_BEGIN}T00:00:00Z", "step": step, "sessions": sessions})
        connection.execute(_FACTS.encode())
        facts.fold(connection)
        connection.execute("ANALYZE")
        bare = b"SELECT * FROM atlas_otel.daily_numbers WHERE dimension = %s AND day >= %s AND day < %s"
        bounds = [month["since"], month["until"]]

        def plots() -> int:
            seen = 0
            for by in ("all", "agent", "model", "tool", "learning_key", "tag"):
                found = groups(connection.execute(statement("plots", "atlas_otel.ui"), {**month, "by": by}), days, 8)
                seen = seen or sum(map(sum, (one.sessions for one in found)))
            return seen

        def read() -> None:
            for by in ("all", "agent", "model", "tool", "learning_key", "tag"):
                connection.execute(bare, [by, *bounds]).fetchall()

        taken = alternate({"ours": plots, "bare": read}, options.rounds)
        seen = plots()
    if seen != sessions:
        raise RuntimeError(f"the plots count {seen} of {sessions} sessions")
    return Finding(
        f"The page: all plots of a month of {sessions:,} sessions",
        "the month's numbers by day, read as they are",
        goal=4.0,
        ratio=ratio(taken["ours"], taken["bare"]),
        checked=f"{seen:,} sessions counted",
    )

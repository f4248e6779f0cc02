"""A database of sessions to read: a few recorded and projected as any are, then copied within the server."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg import sql

import atlas_otel as atlas
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.testing import recording

if TYPE_CHECKING:
    from collections.abc import Callable

TABLES: Final = ("sessions", "plans", "step_results", "step_attempts", "guidance_notes", "trajectory_events")
_RECORDED: Final = 20
_STEPS: Final = 4
_KEYS: Final = {"sessions": "id"}


def fill(url: str, sessions: int, calls: int) -> None:
    """So many sessions, all approved, of four steps with ``calls`` model calls and as many tool calls each.

    ``sessions`` has to be a multiple of 20.
    """
    words = _words(random.Random(7))
    with recording() as recorded:
        for _ in range(_RECORDED):
            _work(words, calls)
    with PostgresStore(url) as store:
        store.write(recorded.all)
        store.project()
    with psycopg.connect(url, autocommit=True) as connection:
        for table in TABLES:
            _copy(connection, table, sessions // _RECORDED - 1)
        connection.execute(
            "UPDATE sessions "
            "SET review_status = 'approved', created_at = timestamptz '2025-10-01 00:00Z' + id * interval '1 second'"
        )
        connection.execute("VACUUM ANALYZE")


def _copy(connection: psycopg.Connection, table: str, copies: int) -> None:
    key = _KEYS.get(table, "session_id")
    found = connection.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = %s "
        "AND column_name <> %s AND NOT (table_name = 'trajectory_events' AND column_name = 'id')",
        [table, key],
    )
    columns = sql.SQL(", ").join(sql.Identifier(row[0]) for row in found.fetchall())
    query = sql.SQL(
        "INSERT INTO {table} ({key}, {columns}) "
        "SELECT {key} + copy * {recorded}, {columns} FROM {table}, generate_series(1, {copies}) copy ORDER BY 1"
    )
    parts = {"table": sql.Identifier(table), "key": sql.Identifier(key), "columns": columns}
    connection.execute(query.format(**parts, recorded=sql.Literal(_RECORDED), copies=sql.Literal(copies)))


def _words(chance: random.Random) -> Callable[[int], str]:
    """Makes texts of so many characters, which compress about as prose does."""
    known = ["".join(chance.choices("etaoinshrdlcumwfgypbvk", k=chance.randint(2, 9))) for _ in range(5000)]

    def text(size: int) -> str:
        found: list[str] = []
        while size > 0:
            found.append(known[min(int(chance.paretovariate(0.3)), len(known) - 1)])
            size -= len(found[-1]) + 1
        return " ".join(found)

    return text


@atlas.llm(model="gpt-5-mini", provider="openai")
def _complete(messages: list[dict[str, str]], answer: str) -> str:
    return answer


@atlas.tool
def _search(query: str, found: list[dict[str, str]]) -> list[dict[str, str]]:
    return found


def _work(text: Callable[[int], str], calls: int) -> None:
    with atlas.session(text(80), name="desk", metadata={"tenant": "acme", "learning_key": "desk"}) as session:
        atlas.set_plan([text(60) for _ in range(_STEPS)])
        messages = [{"role": "user", "content": text(500)}]
        for number in range(1, _STEPS + 1):
            for attempt in (1, 2) if number == 2 else (1,):
                with atlas.step(text(60), id=number) as step:
                    for _ in range(calls):
                        answer = _complete(messages[-3:], text(400))
                        found = _search(text(50), [{"title": text(60), "snippet": text(150)} for _ in range(2)])
                        messages.append({"role": "assistant", "content": answer})
                        messages.append({"role": "user", "content": str(found)})
                    step.output = {"status": "ok", "result": text(500), "artifacts": {"notes": text(200)}}
                atlas.set_validation(number != 2 or attempt == 2, step=number)
                if number == 2 and attempt == 1:
                    atlas.add_guidance(text(200), step=number)
            atlas.record_reward(0.5 + number / 10, rationale=text(200), step=number, judge="rim")
        atlas.record_reward(0.75, rationale=text(300), name="quality")
        session.final_answer = text(400)

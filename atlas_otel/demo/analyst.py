"""The demo's agent, written as a user of atlas-otel writes one: plain code, and a decorator on what matters."""

from __future__ import annotations

import json
import re
import sqlite3
from typing import TYPE_CHECKING, Any, Final

import atlas_otel as atlas
from atlas_otel.demo import prompts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from atlas_otel.demo.environment import Catalogue
    from atlas_otel.demo.model import Model

QUESTIONS: Final = (
    "Which five installed packages take the most room on disk?",
    "Which five packages do most of the installed packages need?",
    "How much of this environment is Python source, and how much is compiled code?",
)
INSPECT, QUERY, CHECK, ANSWER = 1, 2, 3, 4
"""The steps of every plan."""
ATTEMPTS: Final = 2
"""How often the analyst tries to write a query that works."""

_MISSING_COLUMN: Final = re.compile(r"no such column: (?:\w+\.)?(\w+)")


class Analyst:
    """Answers questions by querying a catalogue; what it was taught in one session, it knows in the next."""

    def __init__(self, catalogue: Catalogue, model: Model) -> None:
        self.catalogue = catalogue
        self.lessons: list[str] = []
        self.sessions: list[atlas.Session] = []
        """Of each answer, so that what was recorded can be found."""
        call = atlas.llm(model=model.name, provider=model.provider)
        streamed = atlas.llm(model=model.name, provider=model.provider, output_reducer=joined)

        @call
        async def complete(messages: Sequence[Mapping[str, str]]) -> dict[str, Any]:
            return await model.complete(messages)

        @streamed
        async def stream(messages: Sequence[Mapping[str, str]]) -> AsyncIterator[dict[str, Any]]:
            async for chunk in model.stream(messages):
                yield chunk

        self.complete, self.stream = complete, stream

    @atlas.session(name="environment-analyst", tags=["demo"])
    async def answer(self, question: str) -> str:
        """Plan, look, query, check, and say it in words."""
        session = atlas.current_session()
        if session is not None:  # None where recording is switched off
            self.sessions.append(session)
        plan = json.loads(unfenced(said(await self.complete(prompts.ask("plan", question)))))
        atlas.set_plan(
            [
                {"id": INSPECT, "description": plan[0], "tool": "list_tables"},
                {"id": QUERY, "description": plan[1], "tool": "run_sql", "depends_on": [INSPECT]},
                {"id": CHECK, "description": plan[2], "tool": "run_sql", "depends_on": [QUERY]},
                {"id": ANSWER, "description": plan[3], "depends_on": [CHECK]},
            ]
        )
        with atlas.step(plan[0], id=INSPECT) as step:
            tables = self.list_tables()
            step.output = prompts.describe_tables(tables)
            atlas.set_validation(bool(tables), tables=len(tables))
            atlas.record_reward(1.0 if tables else 0.0, rationale="the catalogue has tables")
        query, rows, failures = await self.query(plan[1], question, tables)
        held = await self.check(plan[2], question, query, rows)
        with atlas.step(plan[3], id=ANSWER) as step:
            text = await self.write(question, query, rows)
            step.output = text
            named = str(rows[0][0]) in text
            atlas.set_validation(named, reason="it names the first row" if named else "it leaves out the first row")
            atlas.record_reward(float(named), rationale="checked against the rows")
        score = max(0.0, (1.0 if held and named else 0.0) - 0.2 * failures)
        why = "the control query agrees" if held else "the control query disagrees"
        atlas.record_reward(score, rationale=f"{why}; failed attempts: {failures}", judge="control-query")
        return text

    async def query(
        self, description: str, question: str, tables: Mapping[str, Sequence[str]]
    ) -> tuple[str, list[list[Any]], int]:
        """A query that works, its rows, and how many did not; what an error teaches is used in the next attempt."""
        schema = prompts.describe_tables(tables)
        for failures in range(ATTEMPTS):
            with atlas.step(description, id=QUERY) as step:
                asked = prompts.ask("query", question, schema=schema, guidance=" ".join(self.lessons))
                query = unfenced(said(await self.complete(asked)))
                try:
                    rows = self.run_sql(query)
                    if not rows:
                        raise sqlite3.DataError("the query found no rows")
                except sqlite3.Error as error:
                    step.output = {"status": "failed", "reason": str(error), "query": query}
                    atlas.set_validation(False, reason=str(error))
                    atlas.record_reward(0.0, rationale="the query failed")
                    lesson = advice(str(error), query, tables)
                    self.lessons.append(lesson)
                    atlas.add_guidance(lesson)
                    atlas.set_metadata(student_learning=lesson)
                    continue
                step.output = {"status": "ok", "query": query, "rows": rows}
                atlas.set_validation(True, reason=f"{len(rows)} rows")
                atlas.record_reward(1.0, rationale="the query ran")
                return query, rows, failures
        raise RuntimeError(f"no query worked in {ATTEMPTS} attempts")

    async def check(self, description: str, question: str, query: str, rows: list[list[Any]]) -> bool:
        """Whether a second query, written another way, comes to the number in the first row."""
        with atlas.step(description, id=CHECK) as step:
            asked = prompts.ask("control", question, query=query, rows=prompts.rows_text(rows))
            control = self.run_sql(unfenced(said(await self.complete(asked))))
            held = bool(control) and control[0][0] == rows[0][1]
            verdict = f"the query says {rows[0][1]}, the control query {control[0][0] if control else 'nothing'}"
            step.output = verdict
            atlas.set_validation(held, reason=verdict)
            atlas.record_reward(float(held), rationale=verdict)
            atlas.emit_event("progress", {"event": "progress", "payload": {"checked": held}, "step": CHECK})
            return held

    async def write(self, question: str, query: str, rows: list[list[Any]]) -> str:
        """The answer, as it is streamed."""
        asked = prompts.ask("answer", question, query=query, rows=prompts.rows_text(rows))
        return "".join([text_of(chunk) async for chunk in self.stream(asked)]).strip()

    @atlas.tool
    def list_tables(self) -> dict[str, list[str]]:
        """The tables of the catalogue and their columns."""
        return self.catalogue.tables()

    @atlas.tool
    def run_sql(self, query: str) -> list[list[Any]]:
        """The rows of a query. Raises sqlite3.Error."""
        return self.catalogue.query(query)


def advice(error: str, query: str, tables: Mapping[str, Sequence[str]]) -> str:
    """What a teacher says to a failed query: what is wrong, and what there is instead."""
    missing = _MISSING_COLUMN.search(error)
    table = re.search(r"\bFROM\s+(\w+)", query, re.IGNORECASE)
    if missing is None or table is None or table[1] not in tables:
        return f"The query failed: {error}. The tables are {prompts.describe_tables(tables)}."
    return f"There is no column {missing[1]}: {table[1]} has the columns {', '.join(tables[table[1]])}."


def said(answer: Mapping[str, Any]) -> str:
    """The text of a model's answer."""
    return str(answer["choices"][0]["message"]["content"])


def text_of(chunk: Mapping[str, Any]) -> str:
    """The text in one piece of a streamed answer."""
    return "".join(choice["delta"].get("content") or "" for choice in chunk["choices"])


def joined(chunks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A streamed answer as the whole one that it comes to: what is kept of the model's call."""
    usage = next((chunk["usage"] for chunk in reversed(chunks) if chunk.get("usage")), None)
    text = "".join(text_of(chunk) for chunk in chunks)
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop" if usage else None}
    return {"model": chunks[-1].get("model") if chunks else None, "choices": [choice], "usage": usage}


def unfenced(text: str) -> str:
    """``text`` without the Markdown fence that models like to put around code."""
    match = re.fullmatch(r"\s*```\w*\n(.*?)\n?```\s*", text, re.DOTALL)
    return (match[1] if match else text).strip()

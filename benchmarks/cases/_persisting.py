"""Whole sessions through our store and, in the same process, through the Atlas SDK's persistence: run apart.

``python -m benchmarks.cases._persisting OURS THEIRS --rounds N --sessions N`` takes two databases and prints what came
out as the last line: JSON. In an environment without the Atlas SDK it stops with the ImportError.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # without it the import asks the network

import psycopg
from atlas.config.models import StorageConfig
from atlas.runtime.models import IntermediateStep
from atlas.runtime.storage.database import Database
from atlas.types import Plan, StepResult
from psycopg.conninfo import conninfo_to_dict

from atlas_otel.delivery.projecting import PROJECT_LIMIT
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.projection.project import project
from atlas_otel.records.record import RecordSet
from benchmarks.cases import _copying
from benchmarks.cases._runs import whole_session
from benchmarks.measuring import alternate, rate_ratio

if TYPE_CHECKING:
    from atlas_otel.models.rows import SessionRows
    from atlas_otel.records.record import Record

_BATCH = 512
_COMPARED = ("public.sessions", "public.plans", "public.step_results", "public.step_attempts", "public.guidance_notes")
_EVENTS = "public.trajectory_events"


class Theirs:
    """A session as the SDK's runtime has it when a run is over: its own models, made before the clock starts."""

    def __init__(self, rows: SessionRows) -> None:
        self.task = rows.session.task
        self.metadata: Any = rows.session.metadata
        self.reward: Any = rows.session.reward
        self.stats: Any = rows.session.reward_stats
        self.audit: Any = rows.session.reward_audit
        self.answer = rows.session.final_answer or ""
        self.plan = Plan.model_validate({"steps": rows.plan["steps"]})
        self.steps = [StepResult.model_validate(asdict(step)) for step in rows.steps]
        self.attempts = {
            step.step_id: [asdict(one) for one in rows.attempts if one.step_id == step.step_id] for step in rows.steps
        }
        self.guidance = {
            step.step_id: [one.note for one in rows.guidance if one.step_id == step.step_id] for step in rows.steps
        }
        self.events = [IntermediateStep.model_validate_json(event.event) for event in rows.events]

    async def persist(self, database: Database) -> None:
        """What its runtime calls at the end of a run, in its order."""
        session = await database.create_session(self.task, metadata=self.metadata)
        await database.log_plan(session, self.plan)
        for step in self.steps:
            await database.log_step_result(session, step)
            await database.log_step_attempts(session, step.step_id, self.attempts[step.step_id])
            await database.log_guidance(session, step.step_id, self.guidance[step.step_id])
        await database.log_session_reward(session, self.reward, None, None, self.stats, self.audit)
        await database.update_session_metadata(session, self.metadata)
        for event in self.events:
            await database.log_intermediate_step(session, event)
        await database.finalize_session(session, self.answer, "succeeded")


def persist(store: PostgresStore, records: list[Record]) -> None:
    """Store and project records as a drain does."""
    for start in range(0, len(records), _BATCH):
        store.write(records[start : start + _BATCH])
    while store.project(limit=PROJECT_LIMIT):
        pass


def _as_url(conninfo: str) -> str:
    """A conninfo as asyncpg takes it."""
    parts = conninfo_to_dict(conninfo)
    user, name = parts.pop("user", ""), parts.pop("dbname", "")
    return f"postgresql://{quote(str(user))}@/{quote(str(name))}?{urlencode(parts)}"


def main() -> None:
    """Measure, and count the rows of both."""
    parser = argparse.ArgumentParser()
    parser.add_argument("ours")
    parser.add_argument("theirs")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--sessions", type=int, default=20)
    asked = parser.parse_args()
    records = [whole_session(number) for number in range(asked.sessions)]
    rows = [one for one in (project(RecordSet(some)) for some in records) if one is not None]
    runs = [Theirs(one) for one in rows]
    loop = asyncio.new_event_loop()
    database = Database(StorageConfig(database_url=_as_url(asked.theirs), apply_schema_on_connect=False))
    loop.run_until_complete(database.connect())

    async def all_of_theirs() -> None:
        for run in runs:
            await run.persist(database)

    with (
        psycopg.connect(asked.ours, autocommit=True) as ours,
        psycopg.connect(asked.theirs, autocommit=True) as theirs,
        PostgresStore(asked.ours) as store,
    ):
        flat = [record for some in records for record in some]
        counted: list[dict[str, int]] = []

        def between() -> None:
            counted.append({t: _copying.counts(ours)[t] + _copying.counts(theirs)[t] for t in (*_COMPARED, _EVENTS)})
            _copying.wipe(ours)
            _copying.wipe(theirs)

        sides = {"ours": lambda: persist(store, flat), "theirs": lambda: loop.run_until_complete(all_of_theirs())}
        taken = alternate(sides, asked.rounds, between=between)
        between()
    loop.run_until_complete(database.disconnect())
    loop.close()
    counted = counted[1:]  # what was there before the first turn
    expected = {
        "public.sessions": len(rows),
        "public.plans": len(rows),
        "public.step_results": sum(len(one.steps) for one in rows),
        "public.step_attempts": sum(len(one.attempts) for one in rows),
        "public.guidance_notes": sum(len(one.guidance) for one in rows),
        _EVENTS: sum(len(one.events) for one in rows),
    }
    if any(found != expected for found in counted):
        raise AssertionError(f"not {expected} in each turn: {counted}")
    said = {
        "ratio": asdict(rate_ratio(taken["ours"], taken["theirs"])),
        "sessions": len(rows),
        "rows": sum(expected.values()),
        "turns": len(counted),
        "per_second": len(rows) / min(taken["theirs"]),
    }
    print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()

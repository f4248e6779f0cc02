"""The demo's whole way: three tasks, recorded, stored, projected and exported."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import atlas_otel as atlas
from atlas_otel.demo.analyst import QUESTIONS, Analyst
from atlas_otel.demo.environment import Catalogue
from atlas_otel.demo.model import RuleModel
from atlas_otel.errors import ConfigError, StoreError
from atlas_otel.postgres import migrate
from atlas_otel.postgres.connect import connect
from atlas_otel.postgres.dsn import describe
from atlas_otel.postgres.store import PostgresStore
from atlas_otel_exporters import export_jsonl

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from atlas_otel.demo.model import Model
    from atlas_otel.models.rows import SessionRows
    from atlas_otel_exporters import ExportSummary

FLUSH_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Task:
    """One task of the demo: where it was recorded, and what went wrong, if anything did."""

    question: str
    session: str
    trace_id: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the demo left behind. ``rows`` are the contract rows of each task, in order."""

    database: str
    tasks: Sequence[Task]
    rows: Sequence[SessionRows]
    output: Path
    exported: ExportSummary


def run_demo(database_url: str, output: Path, *, model: Model | None = None) -> Recorded:
    """Run the demo's tasks into the database and write their lines to ``output``.

    Raises ConfigError, StoreError or ExportError; what was recorded until then stays stored.
    """
    with connect(database_url) as connection:
        migrate.ensure(connection, database_url)  # a database that cannot be used is found out before any work is done
    telemetry = atlas.configure("atlas-otel-demo", database_url=database_url)
    try:
        if not telemetry.settings.enabled:
            raise ConfigError("recording is disabled by ATLAS_OTEL_ENABLED or OTEL_SDK_DISABLED: enable it")
        tasks = asyncio.run(_work(model or RuleModel()))
        # What it answers is not asked: a collector that is away makes it False, and all is stored nevertheless.
        telemetry.flush(FLUSH_TIMEOUT_S)
    finally:
        telemetry.shutdown()
    with PostgresStore(database_url) as store:
        rows = [found for task in tasks if (found := store.rows(task.session)) is not None]
    if len(rows) < len(tasks) or any(found.session.status == "running" for found in rows):
        raise StoreError(
            f"{describe(database_url)}: not everything was stored within {FLUSH_TIMEOUT_S:.0f} s; the rest is in the "
            "spool, and `atlas-otel db status` says whether the server answers"
        )
    exported = export_jsonl(
        output, database_url=database_url, session_ids=[task.session for task in tasks], review_statuses=None
    )
    return Recorded(describe(database_url), tasks, rows, output.resolve(), exported)


async def _work(model: Model) -> list[Task]:
    """Each question in turn; one that fails does not keep the others from being asked."""
    catalogue = Catalogue()
    analyst = Analyst(catalogue, model)
    tasks = []
    try:
        for question in QUESTIONS:
            error = ""
            try:
                await analyst.answer(question)
            except Exception as problem:  # noqa: BLE001 — whatever went wrong stands in the session, and in the report
                error = f"{type(problem).__name__}: {problem}"
            session = analyst.sessions[-1]
            tasks.append(Task(question, session.id, session.trace_id, error))
    finally:
        catalogue.close()
    return tasks

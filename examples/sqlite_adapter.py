"""An agent that keeps its own control loop: it answers questions about projects from a SQLite database.

It owns planning and execution (``control_loop="self"``), emits an event for each query and each result, and takes the
teacher's guidance when an attempt is rejected. ``sqlite_adapter.yaml`` runs it.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from atlas_otel.adapters import AdapterCapabilities, AdapterEventEmitter, AgentAdapter

PROJECTS = [("Hermes", "green", 42), ("Zephyr", "yellow", 27), ("Orion", "green", 33), ("Vega", "archived", 3)]

QUERIES = {
    "velocity": "SELECT name, velocity FROM projects {where} ORDER BY velocity DESC",
    "count": "SELECT status, COUNT(*) FROM projects {where} GROUP BY status ORDER BY status",
    "list": "SELECT name, status FROM projects {where} ORDER BY name",
}


class SQLiteAdapter(AgentAdapter):
    def __init__(self) -> None:
        self._database = sqlite3.connect(":memory:", check_same_thread=False)
        self._database.execute("CREATE TABLE projects (name TEXT, status TEXT, velocity INTEGER)")
        self._database.executemany("INSERT INTO projects VALUES (?, ?, ?)", PROJECTS)
        self._emit: AdapterEventEmitter | None = None

    async def aopen_session(
        self, *, task: str, metadata: dict[str, Any] | None = None, emit_event: AdapterEventEmitter | None = None
    ) -> AdapterCapabilities:
        self._emit = emit_event
        await self._tell("progress", {"message": "database opened", "projects": len(PROJECTS)})
        return AdapterCapabilities(control_loop="self", supports_stepwise=False, telemetry_stream=True)

    async def aplan(self, task: str, metadata: dict[str, Any] | None = None) -> dict[str, Any]:
        return {"steps": [{"id": 1, "description": f"Answer from the projects table: {task}", "tool": "sqlite"}]}

    async def aexecute(
        self, task: str, plan: dict[str, Any], step: dict[str, Any], metadata: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        guidance = " ".join((metadata or {}).get("guidance", []))
        wanted = next((word for word in QUERIES if word in task.lower()), "list")
        where = "WHERE status <> 'archived'" if "archived" in guidance else ""
        sql = QUERIES[wanted].format(where=where)
        await self._tell("env_action", {"sql": sql}, reason=guidance or "the task's own words", step=step["id"])
        rows = self._database.execute(sql).fetchall()
        await self._tell("tool_response", {"rows": rows}, step=step["id"])
        answer = ", ".join(f"{name}: {value}" for name, value in rows)
        return {
            "trace": f"{sql}\n-> {len(rows)} rows",
            "output": {"status": "ok", "text": answer, "notes": f"{len(rows)} rows"},
            "deliverable": answer,
            "artifacts": {"rows": rows},
            "metadata": {"status": "ok", "query": sql},
        }

    async def asynthesize(
        self,
        task: str,
        plan: dict[str, Any],
        step_results: list[dict[str, Any]],
        metadata: dict[str, Any] | None = None,
    ) -> str:
        return str(step_results[-1]["deliverable"])

    async def aclose(self) -> None:
        self._database.close()

    async def _tell(
        self, event: str, payload: dict[str, Any], *, reason: str | None = None, step: int | None = None
    ) -> None:
        if self._emit is not None:
            await self._emit({"event": event, "payload": payload, "reason": reason, "step": step})

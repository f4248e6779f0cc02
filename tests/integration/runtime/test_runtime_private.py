"""A governed run whose content is not captured: its lane, status, review and scores stand, and nothing else of it."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from opentelemetry.sdk.trace import TracerProvider

import atlas_otel as atlas
from atlas_otel import semconv
from atlas_otel.adapters import AdapterCapabilities
from atlas_otel.capture.capture import Capture
from atlas_otel.models.rows import SessionRows
from atlas_otel.records.record import encode_record
from atlas_otel.runtime.run import arun
from atlas_otel.testing import recording

SECRET = "Xq7Zp4secret"
STEPS = [{"id": 1, "description": SECRET, "tool": "look_up", "tool_params": {"q": SECRET}}]
CALLERS = {"tenant": SECRET, SECRET: SECRET, "execution_mode": SECRET, "review_status": "quarantined", "drift": 7}


def _teach(phase: str, attempt: int = 1, **_: Any) -> Any:
    if phase == "plan_review":
        return {"steps": STEPS, "concerns": SECRET}
    return {"valid": attempt > 1, "reason": SECRET, "guidance": SECRET}


def _judge(**_: Any) -> dict[str, Any]:
    principles = [{"name": SECRET, "weight": 1.0, "description": SECRET}]
    learnings = {"student_learning": SECRET, "teacher_learning": SECRET}
    return {"score": 0.75, "uncertainty": 0.125, "rationale": SECRET, "principles": principles, **learnings}


def _agent(hooked: Any) -> Any:
    class Agent(hooked):  # type: ignore[misc]
        stepwise, steps, outputs = True, STEPS, (SECRET,)

        async def aopen_session(self, *, task: str, metadata: Any = None, emit_event: Any = None) -> Any:
            self.emit = emit_event
            await emit_event({"event": "progress", "payload": {SECRET: SECRET}, "reason": SECRET})
            atlas.set_metadata(review_status="approved", execution_mode="auto", said=SECRET)
            return AdapterCapabilities.model_validate(
                {"control_loop": "self", "supports_stepwise": True, "telemetry_stream": True, SECRET: SECRET}
            )

    return Agent


async def _run(agents: Any, *, content: bool, **sections: Any) -> tuple[SessionRows, str]:
    with recording(capture=Capture(content=content)) as recorded:
        config = agents.config(metadata=CALLERS, **sections)
        await arun(f"find {SECRET}", config=config, session_metadata={"note": SECRET, "tags": [SECRET]})
    rows = recorded.rows()
    return rows, "\n".join([*(encode_record(one).decode() for one in recorded.all), repr(rows)])


def _governed(rows: SessionRows) -> dict[str, Any]:
    """What a reader of sessions goes by."""
    session, held = rows.session, rows.session.metadata
    stats = {key: value for key, value in (session.reward_stats or {}).items() if key != "timestamp"}
    drift = {key: value for key, value in held["drift"].items() if key != "learning_key" and value is not None}
    return {
        "columns": (session.status, session.review_status, session.review_notes, (session.reward or {}).get("score")),
        "stats": stats,
        "drift": (drift, held["drift_alert"]),
        "lane": (
            held["execution_mode"],
            held["adaptive_summary"]["adaptive_mode"],
            held["adaptive_summary"]["confidence"],
        ),
        "reasons": [one["reason"] for one in held["adaptive_summary"]["mode_history"]],
        "history": held["learning_history"]["count"],
        "adapter": {key: held["adapter_capabilities"][key] for key in ("control_loop", "supports_stepwise")},
        "events": held["adapter_events"],
        "review": held["review"],
        "attempts": [(attempt.step_id, attempt.attempt) for attempt in rows.attempts],
        "valid": [attempt.evaluation["validation"]["valid"] for attempt in rows.attempts],
    }


@pytest.mark.parametrize("lane", ["paired", "coach", "escalate"])
@pytest.mark.parametrize("approval", [True, False])
async def test_what_governs_is_the_same_with_and_without_content(
    agents: Any, hooked: Any, lane: str, approval: bool
) -> None:
    agents.put(agent=_agent(hooked), teach=_teach, judge=_judge)
    safety = {"review": {"require_approval": approval}}
    whole, seen = await _run(agents, content=True, lane=lane, runtime_safety=safety)
    bare, text = await _run(agents, content=False, lane=lane, runtime_safety=safety)
    assert SECRET in seen, "the search finds what is there"
    at = text.find(SECRET)
    assert at < 0, text[max(at - 400, 0) : at + 100]
    assert _governed(bare) == _governed(whole)
    assert bare.session.review_status == ("pending" if approval else "approved")
    assert bare.session.metadata["execution_mode"] == lane
    assert bare.session.task == semconv.NOT_CAPTURED
    assert set(bare.session.metadata) & {"tenant", "note", "said", "triage_dossier", "student_learning"} == set()


async def test_a_run_that_fails_is_told_without_its_words(agents: Any) -> None:
    def agent(prompt: str, metadata: Any) -> str:
        raise RuntimeError(SECRET)

    agents.put(agent=agent)
    with recording(capture=Capture(content=False)) as recorded, pytest.raises(Exception, match=SECRET):
        await arun(SECRET, config=agents.config(lane="paired"))
    rows = recorded.rows()
    assert (rows.session.status, rows.session.review_status) == ("failed", "pending")
    assert rows.session.metadata["execution_mode"] == "paired"
    assert SECRET not in repr(rows)


async def test_earlier_runs_are_found_though_their_tasks_are_not_kept(
    agents: Any, hooked: Any, database_url: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent's sessions then share one learning key: its next run is routed and watched for drift by them."""
    monkeypatch.setenv("ATLAS_OTEL_SPOOL_DIR", str(tmp_path))
    agents.put(agent=_agent(hooked), teach=_teach, judge=_judge)
    # A provider of its own: the global one can be set only once in a process.
    telemetry = atlas.configure(
        "t", database_url=database_url, tracer_provider=TracerProvider(), capture_content=False, console=False
    )
    try:
        for number in range(3):
            await arun(f"{SECRET} {number}", config=agents.config(metadata=CALLERS))
        assert telemetry.flush(20)
    finally:
        telemetry.shutdown()
    with psycopg.connect(database_url) as connection:
        found = connection.execute(
            "SELECT metadata->'learning_history'->'count', metadata->'drift'->'baseline'->'sample_count',"
            " metadata->>'execution_mode', status, review_status FROM sessions ORDER BY id"
        ).fetchall()
        keys = connection.execute("SELECT count(DISTINCT metadata->>'learning_key') FROM sessions").fetchone()
    assert found == [(number, number, "paired", "succeeded", "pending") for number in range(3)]
    assert keys == (1,)

"""Stored rows → one ``AtlasSessionTrace`` line (contract §3). Pure.

What a line only hands on (events, attempts' evaluations) is spliced in as the text that the server sent. Where the
Atlas SDK's exporter is worse than the contract, the contract is followed: see ``docs/reference/formats.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orjson import Fragment

from atlas_otel.models.evaluation import score_of
from atlas_otel.records.exact_json import dump, load, load_object
from atlas_otel_exporters.rewards import reward_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from atlas_otel.models.json_types import JsonObject, JsonValue
    from atlas_otel_exporters.stored import StoredEvent, StoredSession, StoredStep
    from atlas_otel_exporters.training.options import Events

REWARD_MISSING: Final = "reward_missing"
"""True in a step's metadata (and so at its top) where the score 0.0 is one that nobody gave."""
EVENTS_OMITTED: Final = "trajectory_events_omitted"
"""In ``session_metadata``: how many of the session's oldest events a limit left out of the line."""
REVISION: Final = "revision"
"""At the top of a line that ``--follow`` wrote: 1, then higher each time that later data changed the session."""

# Never lifted from a step's metadata to its top: the trainer would take ``evaluation`` for the reward.
_NEVER_LIFTED: Final = frozenset({"evaluation", "metadata"})


def encode_session(session: StoredSession, *, revision: int | None = None, events: Events = "full") -> bytes:
    """The session as one JSON object, without a line end.

    ``events``: ``text`` writes each ``event`` as JSON text, as the Atlas SDK's direct reader gives it: a column of one
    type for a ``datasets.Dataset``. ``none`` leaves them out, and the metadata says how many.

    Raises RecordError where a stored value cannot be read.
    """
    plan = _plan(load_object(session.plan))
    written = () if events == "none" else session.events
    held = Fragment(dump([_event(event, as_text=events == "text") for event in written]))
    metadata = _session_metadata(session, held, session.events_total - len(written))
    line: dict[str, object] = {
        "task": session.task or "",
        "final_answer": session.final_answer or "",
        "plan": plan,
        "steps": _steps(session.steps, _plan_steps(plan)),
        "session_metadata": metadata,
    }
    if revision is not None:
        line[REVISION] = revision
    line.update(_lifted(session, metadata))
    line["trajectory_events"] = held
    return dump(line)


def _plan(stored: JsonObject) -> JsonObject:
    steps = stored.get("steps")
    return {
        **stored,
        "steps": [_plan_step(step) for step in steps] if isinstance(steps, list) else [],
        "execution_mode": stored.get("execution_mode") or "stepwise",
    }


def _plan_step(step: JsonValue) -> JsonValue:
    if not isinstance(step, dict):
        return step
    blank: JsonObject = {"id": None, "description": "", "tool": None, "tool_params": None}
    return {**blank, **step, "depends_on": step.get("depends_on") or []}


def _plan_steps(plan: JsonObject) -> dict[str, JsonObject]:
    steps = plan["steps"]
    assert isinstance(steps, list)
    return {str(step["id"]): step for step in steps if isinstance(step, dict) and "id" in step}


def _event(event: StoredEvent, *, as_text: bool) -> dict[str, object]:
    held = event.event.decode() if as_text else Fragment(event.event)
    entry: dict[str, object] = {"id": event.id, "event": held, "created_at": event.created_at}
    if event.event_type:
        entry["type"] = entry["event_type"] = event.event_type
    if event.name:
        entry["name"] = event.name
    if event.actor:
        entry["actor"] = event.actor
    return entry


def _session_metadata(session: StoredSession, events: Fragment, omitted: int) -> dict[str, object]:
    metadata: dict[str, object] = {**load_object(session.metadata)}
    metadata.setdefault("session_id", session.id)
    metadata.setdefault("status", session.status)
    for name, moment in (("created_at", session.created_at), ("completed_at", session.completed_at)):
        if moment is not None and not metadata.get(name):
            metadata[name] = _iso(moment)
    metadata["trajectory_events"] = events
    if omitted:
        metadata[EVENTS_OMITTED] = omitted
    return metadata


def _iso(moment: datetime) -> str:
    return moment.isoformat()


def _lifted(session: StoredSession, metadata: dict[str, object]) -> dict[str, object]:
    """What readers want at the line's top too; from its own column first, where there is one."""
    drift = metadata.get("drift")
    alert = metadata.get("drift_alert")
    if alert is None and isinstance(drift, dict):
        alert = drift.get("drift_alert")
    summary = metadata.get("adaptive_summary")
    mode = metadata.get("execution_mode")
    if not _text(mode) and isinstance(summary, dict):
        mode = summary.get("adaptive_mode")
    audit = [entry for entry in _list(_column(session.reward_audit)) if isinstance(entry, dict)] or [
        entry for entry in _list(metadata.get("reward_audit")) if isinstance(entry, dict)
    ]
    lifted: dict[str, object] = {
        "execution_mode": _text(mode),
        "review_status": _text(session.review_status) or _text(metadata.get("review_status")),
        "review_notes": _text(session.review_notes),
        "reward_stats": _object(_column(session.reward_stats)) or _object(metadata.get("reward_stats")),
        "reward_audit": audit or None,
        "session_reward": _object(_column(session.reward)) or _object(metadata.get("session_reward")),
        "student_learning": _text(session.student_learning) or _text(metadata.get("student_learning")),
        "teacher_learning": _text(session.teacher_learning) or _text(metadata.get("teacher_learning")),
        "adaptive_summary": summary if isinstance(summary, dict) else None,
        "triage_dossier": _any_object(metadata.get("triage_dossier")),
        "learning_key": _text(metadata.get("learning_key")),
        "learning_history": _object(metadata.get("learning_history")),
        "teacher_notes": notes if isinstance(notes := metadata.get("teacher_notes"), list) else None,
        "reward_summary": _any_object(metadata.get("reward_summary")),
        "drift": drift if isinstance(drift, dict) else None,
        "drift_alert": alert,
    }
    present = {name: value for name, value in lifted.items() if value is not None}
    for name in ("review_status", "reward_stats", "reward_audit"):
        if name in present:
            metadata.setdefault(name, present[name])
    return present


def _column(text: bytes | None) -> JsonValue:
    return None if text is None else load(text)


def _text(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()


def _object(value: object) -> JsonObject | None:
    return value or None if isinstance(value, dict) else None


def _any_object(value: object) -> JsonObject | None:
    return value if isinstance(value, dict) else None


def _steps(steps: Sequence[StoredStep], plan_steps: dict[str, JsonObject]) -> list[Fragment]:
    lines = []
    # What the steps before gave, as text that only grows: each step's context is a copy of it, not built again.
    results: list[bytes] = []
    texts: list[bytes] = []
    for step in steps:
        metadata = load_object(step.metadata)
        context = {
            "prior_results": Fragment(b"{" + b",".join(results) + b"}"),
            "prior_results_text": Fragment(b"{" + b",".join(texts) + b"}"),
        }
        lines.append(Fragment(_step(step, metadata, plan_steps.get(str(step.step_id), {}), context)))
        key = b'"%d":' % step.step_id
        results.append(key + dump(_prior_result(step, metadata)))
        texts.append(key + dump(step.output or ""))
    return lines


def _prior_result(step: StoredStep, metadata: JsonObject) -> JsonObject:
    entry: JsonObject = {"output_text": step.output or ""}
    for name in ("artifacts", "status"):
        if metadata.get(name) is not None:
            entry[name] = metadata[name]
    if metadata.get("notes"):
        entry["notes"] = metadata["notes"]
    return entry


def _step(step: StoredStep, stored: JsonObject, plan_step: JsonObject, context: dict[str, Fragment]) -> bytes:
    evaluation = load_object(step.evaluation)
    reward = _any_object(evaluation.get("reward")) or {}
    validation = evaluation.get("validation") or {}
    history = [_attempt(attempt.attempt, attempt.evaluation) for attempt in step.history]
    metadata: dict[str, object] = {**stored}
    if history:
        metadata.setdefault("attempt_history", history)
        metadata.setdefault("attempt_details", history)
    metadata.setdefault("raw_evaluation", evaluation or {"raw": None})
    if "depends_on" in plan_step:
        metadata.setdefault("depends_on", plan_step["depends_on"])
    if score_of(reward) is None:
        metadata[REWARD_MISSING] = True
    attempts = step.attempts
    line: dict[str, object] = {
        "step_id": step.step_id,
        "description": plan_step.get("description") or "",
        "trace": step.trace or "",
        "output": step.output or "",
        "reward": reward_line(reward),
        "tool": plan_step.get("tool"),
        "tool_params": plan_step.get("tool_params") or {},
        "context": context,
        "validation": validation if isinstance(validation, dict) else {"raw": validation},
        "attempts": attempts if attempts is not None else len(history) or len(step.guidance),
        "guidance": list(step.guidance),
    }
    for name, value in metadata.items():
        if name not in line and name not in _NEVER_LIFTED:
            line[name] = value
    line["metadata"] = metadata
    return dump(line)


def _attempt(number: int, evaluation: bytes | None) -> dict[str, object]:
    return {"attempt": number, "evaluation": None if evaluation is None else Fragment(evaluation)}

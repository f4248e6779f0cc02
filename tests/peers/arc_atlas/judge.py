"""What arc-atlas does with a database: run in its own environment, as ``judge.py URL FOLDER ACTION...``.

``run``     real runs of its runtime, one per lane, with a retry and with a failed run
``write``   a session through its ``Database``, with everything a row can hold
``export``  its exporter over all sessions, to FOLDER/export.jsonl
``read``    its direct reader over all sessions, to FOLDER/training_sessions.json
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import sys
from pathlib import Path

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # without it the import asks the network
os.environ["SCRIPTED_KEY"] = "none"

from atlas.cli.jsonl_writer import export_sessions
from atlas.config.models import StorageConfig
from atlas.core import arun
from atlas.runtime.models import IntermediateStep
from atlas.runtime.storage.database import Database
from atlas.training_data import get_training_sessions
from atlas.types import Plan, StepResult
from scripted_model import ScriptedModel

SCORES = {"first": 0.5, "second": 1.0}


def config(url: str) -> StorageConfig:
    # Its wheel lacks its schema.sql: connecting fails unless told to leave the schema alone.
    return StorageConfig(database_url=url, apply_schema_on_connect=False)


async def run(url: str, folder: Path) -> None:
    model = ScriptedModel()
    llm = {
        "provider": "openai",
        "model": "openai/scripted",
        "api_base": model.base_url,
        "api_key_env": "SCRIPTED_KEY",
    }
    tasks = [
        ("auto", "How many tickets are open?"),
        ("paired", "How many tickets are open? Ask twice."),
        ("coach", "How many tickets are open? Plan first."),
        ("paired", "How many tickets are open? Answer in prose."),
        ("paired", "How many tickets are open? The model is out of order."),
    ]
    for number, (mode, task) in enumerate(tasks):
        path = folder / f"atlas-{number}.yaml"
        settings = {
            "agent": {"type": "openai", "name": "desk", "system_prompt": "You answer for a help desk.", "llm": llm},
            "teacher": {"llm": llm},
            "rim": {"small_model": llm, "large_model": llm},
            "learning": {"enabled": False, "llm": llm},
            "storage": {"database_url": url, "apply_schema_on_connect": False},
            "adaptive_teaching": {"mode_override": mode},
        }
        path.write_text(json.dumps(settings))  # JSON is YAML
        try:
            await arun(task, str(path), session_metadata={"tags": ["desk"], "tenant": "acme"}, stream_progress=False)
        except Exception:  # this run is wanted too
            if "out of order" not in task:
                raise
    model.close()


async def write(url: str, folder: Path) -> None:
    database = Database(config(url))
    await database.connect()
    session = await database.create_session(
        "Zähle die Tickets\u2028heute",
        {
            "learning_key": "desk",
            "adaptive_summary": {"adaptive_mode": "paired", "mode_history": []},
            "triage_dossier": {"task": "t", "risks": []},
            "learning_history": {"count": 2, "entries": [{"score": 0.5}]},
            "teacher_notes": ["Name the number."],
            "reward_summary": {"score": 0.75},
            "drift": {"drift_alert": True, "score_z": -4.0, "reason": "score"},
            "numbers": [10**30, -(2**63) - 1, 1e22, 1e-7, 0.1, 1.0, -0.0, 12345678901234567890],
        },
    )
    steps = [
        {"id": 1, "description": "Count", "tool": "sql", "tool_params": {"table": "tickets"}},
        {"id": 2, "description": "Write", "depends_on": [1]},
        {"id": 3, "description": "Check", "depends_on": [1, 2]},
    ]
    await database.log_plan(session, Plan.model_validate({"steps": steps}))
    samples = [
        {"score": score, "rationale": name, "principles": [{"name": name, "weight": 1.0}], "uncertainty": 0.25}
        for name, score in SCORES.items()
    ]
    judge = {"identifier": "rim", "score": 0.75, "rationale": "good", "principles": [], "samples": samples}
    reward = {"score": 0.75, "judges": [judge | {"escalated": True, "escalation_reason": "spread"}], "rationale": "ok"}
    for step, given in ((1, reward), (2, {"score": 0.0, "raw": {"skipped": True, "reason": "deferred"}}), (3, {})):
        evaluation = {"validation": {"valid": step != 2, "guidance": None}, "reward": given}
        metadata = {
            "status": "ok",
            "reason": "done",
            "artifacts": {"tickets": [1, 2, 3]} if step == 1 else None,
            "notes": "counted" if step == 1 else "",
            "deliverable": {"text": "drei"},
            "runtime": {"reward_skipped": step == 2, "timings_ms": {"total_ms": 12.5}},
            "custom_key": {"nested": [None, True]},
        }
        result = {"step_id": step, "trace": f"HUMAN: {step}", "output": json.dumps({"status": "ok", "step": step})}
        await database.log_step_result(
            session, StepResult.model_validate(result | {"evaluation": evaluation, "attempts": 2, "metadata": metadata})
        )
        attempts = [{"attempt": number, "evaluation": evaluation} for number in (1, 2)]
        await database.log_step_attempts(session, step, attempts if step != 3 else [])
        await database.log_guidance(session, step, ["Name the number.", "Cite the table."] if step == 2 else [])
    for number in range(5):
        payload = {
            "event_type": ["LLM_START", "LLM_NEW_TOKEN", "LLM_END", "CUSTOM_START", "CUSTOM_END"][number],
            "event_timestamp": 1760000000.25 + number,
            "name": "chat",
            "metadata": {"actor": "student", "n": number},
            "data": {"input": {"messages": [{"role": "user", "content": "wie viele?"}]}, "output": "drei \u2603"},
            "UUID": f"uuid-{number}",
        }
        root = {"function_id": "root", "function_name": "root", "parent_id": None, "parent_name": None}
        event = {"parent_id": "root", "function_ancestry": root, "payload": payload}
        await database.log_intermediate_step(session, IntermediateStep.model_validate(event))
    await database.log_session_reward(
        session, reward, " Count first. ", "Ask.", {"score": 0.75, "sample_count": 2}, [{"stage": "tier1", "n": 1}]
    )
    await database.update_session_review_status(session, "approved", " Looks right. ")
    await database.finalize_session(session, "Drei.", "succeeded")
    # Nothing but a task, as after a crash.
    await database.create_session("Unfinished", None)
    await database.disconnect()


async def export(url: str, folder: Path) -> None:
    database = Database(config(url))
    await database.connect()
    await export_sessions(
        database, folder / "export.jsonl", include_all_review_statuses=True, trajectory_limit=1_000_000
    )
    await database.disconnect()


def read(url: str, folder: Path) -> None:
    sessions = get_training_sessions(url, config=config(url))
    lines = [dataclasses.asdict(session) for session in sessions]
    (folder / "training_sessions.json").write_text(json.dumps(lines, default=str))


def main() -> None:
    url, folder, *actions = sys.argv[1:]
    for action in actions:
        if action == "read":
            read(url, Path(folder))
        else:
            asyncio.run({"run": run, "write": write, "export": export}[action](url, Path(folder)))


if __name__ == "__main__":
    main()

"""One test for each row of docs/adapters.md, "Troubleshooting": the symptom, and that the remedy helps."""

from __future__ import annotations

import asyncio
import logging
import re
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider

import atlas_otel as atlas
from atlas_otel.adapters import AdapterCapabilities, AdapterError
from atlas_otel_exporters import export_jsonl

PAGE = (Path(__file__).parents[3] / "docs" / "adapters.md").read_text(encoding="utf-8")

ABOUT_THE_PAGE = {
    "test_every_row_names_a_test_of_this_file_and_every_test_has_a_row",
    "test_capabilities_are_what_the_page_says",
}


def test_every_row_names_a_test_of_this_file_and_every_test_has_a_row():
    table = PAGE.split("## Troubleshooting")[1]
    named = re.findall(r"\| `(test_\w+)` \|$", table, flags=re.MULTILINE)
    assert len(named) == len([line for line in table.splitlines() if line.startswith("| ")]) - 1
    assert set(named) == {name for name in globals() if name.startswith("test_") and name not in ABOUT_THE_PAGE}


async def test_still_stepwise(agents, hooked):
    hooked.steps = [{"id": 1, "description": "look"}, {"id": 2, "description": "write"}]
    agents.put(agent=hooked)
    symptom = await agents.run(lane="escalate", agent={"behavior": "atlas"})
    assert (symptom.result.execution_mode, len(symptom.rows.steps)) == ("escalate", 2)
    assert symptom.rows.plan["execution_mode"] == "stepwise"
    helped = await agents.run(lane="escalate")
    assert (helped.result.execution_mode, helped.rows.plan["execution_mode"]) == ("paired", "single_shot")


async def test_the_plan_hook_is_not_called(agents, hooked):
    hooked.control_loop = "atlas"
    agents.put(agent=hooked)
    await agents.run(lane="auto")
    assert "aplan" not in hooked.last.names
    hooked.control_loop = "self"
    await agents.run(lane="auto")
    assert "aplan" in hooked.last.names


async def test_events_are_missing(agents, hooked, caplog):
    hooked.telemetry = False
    agents.put(agent=hooked)
    with caplog.at_level(logging.WARNING, "atlas_otel"):
        symptom = await agents.run(lane="auto")
    assert symptom.metadata["adapter_events"]["dropped"] == 2
    assert "telemetry_stream=True" in caplog.text
    hooked.telemetry = True
    helped = await agents.run(lane="auto")
    assert [p["event_type"] for p in helped.payloads].count("ADAPTER_EVENT") == 2


async def test_some_events_are_missing(agents, hooked, caplog):
    async def aexecute(self, *_):
        await self.emit({"event": "tool_result", "payload": 1})
        await self.emit({"event": "tool_response", "payload": 2})
        return "done"

    hooked.aexecute = aexecute
    agents.put(agent=hooked)
    with caplog.at_level(logging.WARNING, "atlas_otel"):
        run = await agents.run(lane="auto")
    assert run.metadata["adapter_events"] == {"recorded": 2, "dropped": 0, "malformed": 1}
    assert "'tool_response'" in caplog.text


async def test_the_handshake_raises(agents, hooked):
    async def wrong(self, **_):
        return {"control_loop": "mine"}

    async def right(self, **_):
        return {"control_loop": "self", "supports_stepwise": False}

    hooked.aopen_session = wrong
    agents.put(agent=hooked)
    symptom = await agents.run()
    assert isinstance(symptom.error, AdapterError)
    assert "control_loop: Input should be 'atlas' or 'self'" in str(symptom.error)
    hooked.aopen_session = right
    hooked.aexecute = AgentAnswers.aexecute
    assert (await agents.run(lane="auto")).error is None


class AgentAnswers:
    async def aexecute(self, *_):
        return "done"


async def test_the_handshake_hangs(agents, hooked):
    async def hanging(self, **_):
        await asyncio.sleep(60)

    hooked.aopen_session = hanging
    agents.put(agent=hooked)
    run = await agents.run(orchestration={"handshake_timeout_seconds": 0.05})
    assert "handshake_timeout_seconds" in str(run.error)
    assert run.rows.session.status == "failed"


@pytest.mark.parametrize("remedy", [{"lane": "auto"}, {"lane": "paired", "orchestration": {"max_retries": 0}}])
async def test_retries_appear(agents, hooked, remedy):
    agents.put(agent=hooked, teach=lambda **_: {"valid": False, "guidance": "again"})
    symptom = await agents.run(lane="paired")
    assert len(symptom.rows.attempts) == 2
    assert len((await agents.run(**remedy)).rows.attempts) == 1


async def test_nothing_is_checked(agents, hooked):
    agents.put(agent=hooked)
    symptom = await agents.run(lane="paired")
    assert symptom.rows.attempts[0].evaluation["validation"]["skipped"] == "no_teacher"
    agents.put(teach=lambda **_: {"valid": True})
    helped = await agents.run(lane="paired")
    assert helped.rows.attempts[0].evaluation["validation"]["valid"] is True


async def test_always_paired(agents):
    agents.put(agent=lambda prompt: "done", probe=lambda **_: {"mode": "auto"})
    symptom = await agents.run()
    assert symptom.metadata["adaptive_summary"]["mode_history"][0]["reason"] == "no_learning_history"
    probe = {"type": "python", "import_path": agents.module.__name__, "attribute": "probe"}
    helped = await agents.run(adaptive_teaching={"certify_first_run": False, "probe": probe})
    assert helped.result.execution_mode == "auto"
    assert (await agents.run(lane="auto")).result.execution_mode == "auto"


async def test_the_reward_is_a_failed_zero(agents):
    agents.put(agent=lambda prompt: "done", judge=lambda **_: {"grade": "A"})
    symptom = await agents.run()
    assert (symptom.rows.session.reward["score"], symptom.rows.session.reward["failed"]) == (0.0, True)
    assert "score" in symptom.rows.session.reward_audit[0]["error"]
    agents.put(judge=lambda **_: {"score": 0.9})
    assert (await agents.run()).rows.session.reward["score"] == 0.9


async def test_the_export_is_empty(agents, database_url, tmp_path, monkeypatch):
    monkeypatch.setenv("ATLAS_OTEL_SPOOL_DIR", str(tmp_path / "spool"))
    agents.put(agent=lambda prompt: "done")
    made = atlas.configure("tests", database_url=database_url, tracer_provider=TracerProvider(), console=False)
    try:
        await atlas.arun("first", config=agents.config())
        assert made.flush(20)
        exported = {"database_url": database_url, "review_statuses": {"approved"}}
        assert export_jsonl(tmp_path / "a.jsonl", **exported).sessions == 0
        safety = {"review": {"require_approval": False}}
        await atlas.arun("second", config=agents.config(runtime_safety=safety))
        assert made.flush(20)
        assert export_jsonl(tmp_path / "b.jsonl", **exported).sessions == 1
    finally:
        made.shutdown(10)


async def test_the_module_is_not_found(agents, tmp_path):
    (tmp_path / "an_agent_elsewhere.py").write_text("def main(prompt):\n    return 'found'\n")
    agent = {"import_path": "an_agent_elsewhere", "attribute": "main"}
    symptom = await agents.run(agent=agent)
    assert "there is no module an_agent_elsewhere" in str(symptom.error)
    helped = await agents.run(agent={**agent, "working_directory": str(tmp_path)}, lane="auto")
    assert helped.result.final_answer == "found"


def test_capabilities_are_what_the_page_says():
    rows = re.findall(r"^\| `(\w+)` \| .* \| `(.+?)` \|$", PAGE.split("## The handshake")[1], flags=re.MULTILINE)
    said = {name: default.strip('"') for name, default in rows[:3]}
    assert said == {name: str(value) for name, value in AdapterCapabilities().model_dump().items()}

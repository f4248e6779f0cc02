"""Whoever follows a run gets its steps as they happen, and can neither stop nor break it."""

from __future__ import annotations

import json

import pytest

import atlas_otel as atlas
from atlas_otel.models.intermediate_step import IntermediateStepPayload, IntermediateStepType
from atlas_otel.runtime.run import arun
from atlas_otel.steps.execution_context import ExecutionContext
from atlas_otel.steps.manager import IntermediateStepManager
from atlas_otel.testing import recording
from atlas_otel.tracing.state import absorbed_counts


class Follower:
    """A publisher as the Atlas SDK has it."""

    def __init__(self):
        self.steps, self.control, self.detached = [], [], False

    def attach(self, manager):
        manager.subscribe(self.steps.append)

    def detach(self):
        self.detached = True

    def publish_control_event(self, name, values):
        self.control.append((name, values["session_id"], values.get("status")))

    @property
    def story(self):
        return [f"{step.payload.event_type.value} {step.payload.name}" for step in self.steps]


@pytest.fixture
def follow(agents):
    async def run(follower, **sections):
        with recording() as recorded:
            try:
                result = await arun("the task", config=agents.config(**sections), publisher=follower)
            except RuntimeError as error:
                result = error
        return recorded, result

    return run


@atlas.tool
def look_up(key):
    return {"found": key}


async def test_a_publisher_hears_what_a_subscriber_hears_and_the_trajectory_holds(agents, hooked, follow):
    """Decorated tools and steps that are pushed inside hooks too."""

    async def aexecute(self, task, plan, step, metadata):
        look_up("a")
        manager = ExecutionContext.get().intermediate_step_manager
        for kind in (IntermediateStepType.CUSTOM_START, IntermediateStepType.CUSTOM_END):
            manager.push_intermediate_step(IntermediateStepPayload(event_type=kind, UUID="pushed", name="inside"))
        await self.emit({"event": "env_action", "payload": {"command": "look"}})
        return "good"

    hooked.aexecute = aexecute
    agents.put(agent=hooked, teach=lambda **_: {"valid": True}, judge=lambda **_: 0.5)
    follower, heard = Follower(), []
    subscription = IntermediateStepManager().subscribe(heard.append)
    try:
        recorded, _ = await follow(follower, lane="paired")
    finally:
        subscription.unsubscribe()
    assert follower.steps == heard

    def known(step):
        payload = step["payload"]
        return payload["UUID"], payload["event_type"], step["parent_id"], payload["name"], step["function_ancestry"]

    told = [known(step.model_dump(mode="json")) for step in follower.steps]
    held = [known(json.loads(row.event)) for row in recorded.rows().events]
    assert sorted(map(str, told)) == sorted(map(str, held))
    assert {"look_up", "inside", "env_action", "progress"} <= {name for *_, name, _ in told}
    starts = {step.UUID: step.payload.data for step in follower.steps if step.event_type.value == "FUNCTION_START"}
    for row in recorded.rows().events:
        payload = json.loads(row.event)["payload"]
        if payload["event_type"] == "FUNCTION_START":
            assert starts[payload["UUID"]].input == payload["data"]["input"]


async def test_a_follower_gets_the_run_in_order(agents, hooked, follow):
    hooked.outputs = ("bad", "good")
    agents.put(
        agent=hooked,
        teach=lambda output="", **_: {"valid": output == "good", "guidance": "better"},
        judge=lambda **_: 0.5,
    )
    follower = Follower()
    recorded, result = await follow(follower, lane="paired")
    notes = {"metadata", "plan", "reward", "guidance", "validation"}
    assert [line for line in follower.story if line.split()[1] not in notes] == [
        "ADAPTER_EVENT progress",
        "WORKFLOW_START orchestration",
        "CUSTOM_START triage",
        "CUSTOM_END triage",
        "CUSTOM_START adaptive_route",
        "CUSTOM_END adaptive_route",
        "FUNCTION_START plan_creation",
        "FUNCTION_END plan_creation",
        *["TASK_START step_1", "ADAPTER_EVENT env_action"],
        *["FUNCTION_START step_validation", "FUNCTION_END step_validation", "TASK_END step_1"],
        *["TASK_START step_1", "ADAPTER_EVENT env_action"],
        *["FUNCTION_START step_validation", "FUNCTION_END step_validation", "TASK_END step_1"],
        *["FUNCTION_START final_synthesis", "FUNCTION_END final_synthesis"],
        *["FUNCTION_START reward_evaluation", "FUNCTION_END reward_evaluation"],
        "WORKFLOW_END orchestration",
    ]
    by_name = {step.payload.name: step for step in follower.steps}
    assert by_name["progress"].parent_id == "root"
    assert by_name["env_action"].function_ancestry.function_name == "step_1"
    attempts = {span.span_id for span in recorded.spans if span.kind == "step"}
    assert by_name["env_action"].parent_id in attempts
    assert by_name["orchestration"].payload.data.output == result.final_answer
    assert follower.control == [
        ("session-started", result.session_id, None),
        ("session-completed", result.session_id, "succeeded"),
    ]
    assert follower.detached


async def test_events_arrive_while_the_agent_works(agents, hooked, follow):
    follower, seen = Follower(), []

    async def aexecute(self, *_):
        await self.emit({"event": "progress", "payload": "now"})
        seen.append(follower.steps[-1].payload.data.output["payload"])
        return "done"

    hooked.aexecute = aexecute
    agents.put(agent=hooked)
    await follow(follower, lane="auto")
    assert seen == ["now"]


async def test_a_failed_run_is_told_to_its_end(agents, hooked, follow):
    async def aexecute(self, *_):
        raise ValueError("no luck")

    hooked.aexecute = aexecute
    agents.put(agent=hooked)
    follower = Follower()
    _, error = await follow(follower, lane="auto")
    assert isinstance(error, RuntimeError)
    ends = [line for line in follower.story if "_END" in line and line != "CUSTOM_END metadata"]
    assert ends[-2:] == ["TASK_END step_1", "WORKFLOW_END orchestration"]
    error = follower.steps[-1].payload.metadata["error"]
    assert (error["type"], error["message"]) == ("ValueError", "no luck")
    assert follower.control[-1][2] == "failed"
    assert follower.detached


async def test_a_follower_that_breaks_changes_nothing(agents, hooked, follow):
    class Broken(Follower):
        def attach(self, manager):
            def raising(step):
                raise ZeroDivisionError

            manager.subscribe(raising)
            raise OSError("half attached")

        def detach(self):
            raise OSError("gone")

        def publish_control_event(self, name, values):
            raise OSError("gone")

    agents.put(agent=hooked)
    before = absorbed_counts().get("subscriber", 0)
    _, result = await follow(Broken(), lane="auto")
    assert result.final_answer == "synthesized 1"
    assert absorbed_counts()["subscriber"] > before + 4


async def test_the_config_can_keep_followers_out(agents, hooked, follow):
    agents.put(agent=hooked)
    follower = Follower()
    await follow(follower, lane="auto", orchestration={"emit_intermediate_steps": False})
    assert (follower.steps, follower.control) == ([], [])

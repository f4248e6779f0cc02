"""Each lane end to end: which hooks are called, what is validated and retried, and what stands in rows and events."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from atlas_otel.adapters import StudentStepResult
from atlas_otel.runtime.outcome import RunResult

STEPS = [
    {"id": 1, "description": "look", "tool": "search", "tool_params": {"k": 2}},
    {"id": 2, "description": "write", "depends_on": [1]},
]


def accept(**_):
    return {"valid": True, "reason": "fine"}


def reject_first(output=None, attempt=None, phase=None, **_):
    if phase == "plan_review":
        return None
    return {"valid": attempt > 1, "reason": f"saw {output}", "guidance": "cite the source"}


def judge(**_):
    return {"score": 0.8, "rationale": "good", "student_learning": "keep citing", "teacher_learning": "ask earlier"}


# --- hooks against lanes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("lane", ["auto", "paired"])
async def test_a_self_managed_adapters_hooks_are_called_once_each(agents, hooked, lane):
    agents.put(agent=hooked, teach=accept, judge=judge)
    run = await agents.run(lane=lane)
    assert hooked.last.names == ["aopen_session", "aplan", "aexecute", "asynthesize", "aclose"]
    assert isinstance(run.result, RunResult)
    assert (run.result.final_answer, run.result.execution_mode) == ("synthesized 1", lane)
    assert run.rows.session.final_answer == "synthesized 1"
    assert run.rows.plan["execution_mode"] == "single_shot"
    assert [step["description"] for step in run.rows.plan["steps"]] == ["the task"]


@pytest.mark.parametrize("lane", ["coach", "escalate"])
async def test_a_self_managed_adapter_is_kept_out_of_stepwise_lanes(agents, hooked, lane):
    agents.put(agent=hooked, teach=accept)
    run = await agents.run(lane=lane)
    assert run.result.execution_mode == "paired"
    route = run.event("adaptive_route", "CUSTOM_END")["data"]["output"]
    assert (route["mode"], route["reason"]) == ("paired", "mode_override+adapter_capabilities")
    assert hooked.last.names.count("aplan") == 1


@pytest.mark.parametrize("lane", ["auto", "paired", "coach", "escalate"])
async def test_a_stepwise_self_managed_adapter_has_each_hook_called_once_in_every_lane(agents, hooked, lane):
    hooked.stepwise = True
    agents.put(agent=hooked, teach=accept)
    run = await agents.run(lane=lane)
    assert hooked.last.names == ["aopen_session", "aplan", "aexecute", "asynthesize", "aclose"]
    assert run.result.execution_mode == lane


async def test_its_own_plan_is_run_step_by_step_where_it_made_one(agents, hooked):
    hooked.steps = STEPS
    agents.put(agent=hooked)
    run = await agents.run(lane="auto")
    assert hooked.last.names.count("aexecute") == 2
    assert [step.step_id for step in run.rows.steps] == [1, 2]


async def test_auto_takes_the_task_as_one_step_and_checks_nothing(agents):
    asked = []

    def agent(prompt, metadata):
        asked.append((prompt, metadata["phase"], metadata["execution_mode"]))
        return "done"

    agents.put(agent=agent, teach=reject_first)
    run = await agents.run(lane="auto")
    assert asked == [("the task", "execute", "auto")]
    (step,) = run.rows.steps
    assert (step.output, step.attempts) == ("done", 1)
    assert "validation" not in step.evaluation
    assert run.result.final_answer == "done"


async def test_paired_checks_and_retries_with_guidance(agents):
    prompts = []

    async def agent(prompt, metadata):
        prompts.append(prompt)
        return f"answer {len(prompts)}"

    agents.put(agent=agent, teach=reject_first, judge=judge)
    run = await agents.run(lane="paired")
    assert prompts == ["the task", "the task\n\n<rim_feedback>\ncite the source\n</rim_feedback>"]
    rows = run.rows
    assert [(a.attempt, a.evaluation["validation"]["valid"]) for a in rows.attempts] == [(1, False), (2, True)]
    assert [(g.step_id, g.sequence, g.note) for g in rows.guidance] == [(1, 1, "cite the source")]
    assert rows.attempts[0].evaluation["reward"]["raw"] == {"skipped": "validation_failed"}
    assert rows.attempts[1].evaluation["reward"]["raw"] == {"skipped": "deferred"}
    (step,) = rows.steps
    assert (step.output, step.attempts, step.metadata["reward_missing"]) == ("answer 2", 2, True)
    assert rows.session.reward["score"] == 0.8
    assert rows.session.reward_stats["score"] == 0.8
    assert (rows.session.student_learning, rows.session.teacher_learning) == ("keep citing", "ask earlier")
    assert run.metadata["teacher_notes"] == ["cite the source"]


async def test_the_last_attempt_is_checked_too_and_recorded_as_it_was(agents):
    agents.put(agent=lambda prompt: "same", teach=lambda **_: {"valid": False, "reason": "never good"})
    run = await agents.run(lane="paired")
    assert run.result.final_answer == "same"
    assert [a.evaluation["validation"]["valid"] for a in run.rows.attempts] == [False, False]
    assert run.rows.session.status == "succeeded"


async def test_no_retry_where_the_config_says_so(agents):
    agents.put(agent=lambda prompt: "same", teach=lambda **_: {"valid": False, "guidance": "again"})
    run = await agents.run(lane="paired", orchestration={"max_retries": 0})
    assert [a.attempt for a in run.rows.attempts] == [1]
    assert run.rows.guidance == []


async def test_coach_plans_reviews_and_folds_into_one_step(agents, hooked):
    hooked.control_loop, hooked.stepwise, hooked.steps = "atlas", True, STEPS

    def teach(phase, plan=None, **_):
        if phase == "plan_review":
            return {"steps": [*plan["steps"], {"id": 3, "description": "check"}], "concerns": "nobody checks"}
        return True

    agents.put(agent=hooked, teach=teach)
    run = await agents.run(lane="coach")
    assert run.rows.plan["execution_mode"] == "single_shot"
    (step,) = run.rows.plan["steps"]
    assert step["description"] == "the task\n\nFollow this plan:\n1. look\n2. write\n3. check"
    assert run.metadata["plan_concerns"] == "nobody checks"
    assert [one["description"] for one in run.metadata["original_plan"]["steps"]] == ["look", "write"]
    assert hooked.last.names.count("aexecute") == 1


async def test_escalate_runs_step_by_step_along_depends_on(agents, hooked):
    hooked.control_loop, hooked.stepwise = "atlas", True
    hooked.steps = [{"id": 2, "description": "write", "depends_on": ["1"]}, {"id": 1, "description": "look"}]
    hooked.outputs = ("found it", '{"status": "ok", "notes": "short", "text": "written"}')
    agents.put(agent=hooked, teach=accept)
    run = await agents.run(lane="escalate")
    executed = [metadata for name, metadata in hooked.last.calls if name == "aexecute"]
    assert [metadata["step"]["id"] for metadata in executed] == [1, 2]
    assert executed[1]["context"] == {
        "1": {"output_text": "found it", "artifacts": None, "status": "ok", "notes": None}
    }
    assert run.rows.plan["execution_mode"] == "stepwise"
    assert run.rows.steps[1].metadata["structured_output"]["text"] == "written"
    assert run.rows.steps[1].metadata["notes"] == "short"
    results = hooked.last.calls[-2][1]["step_results"]
    assert [result["step_id"] for result in results] == [2, 1]


async def test_an_agent_that_only_answers_is_prompted_through_escalate(agents):
    asked = []

    def agent(prompt, metadata):
        asked.append(metadata["phase"])
        if metadata["phase"] == "plan":
            return '```json\n{"steps": [{"id": 1, "description": "look"}, {"id": 2, "description": "write"}]}\n```'
        if metadata["phase"] == "synthesize":
            return "all of it"
        return f"did {metadata['step']['description']}"

    agents.put(agent=agent, teach=accept)
    run = await agents.run(lane="escalate")
    assert asked == ["plan", "execute", "execute", "synthesize"]
    assert run.result.final_answer == "all of it"
    assert [step.output for step in run.rows.steps] == ["did look", "did write"]


async def test_an_agent_that_answers_no_plan_is_taken_through_the_task_in_one(agents):
    agents.put(agent=lambda prompt, metadata: f"prose for {metadata['phase']}", teach=accept)
    run = await agents.run(lane="escalate")
    assert [step["description"] for step in run.rows.plan["steps"]] == ["the task"]
    assert "not JSON" in run.event("plan_creation", "FUNCTION_END")["data"]["output"]["error"]
    assert run.result.final_answer == "prose for synthesize"


async def test_independent_steps_run_side_by_side_where_the_config_asks_for_it(agents, hooked):
    hooked.control_loop, hooked.stepwise = "atlas", True
    hooked.steps = [{"id": n, "description": f"part {n}"} for n in (1, 2)]
    met = asyncio.Event()
    arrived = []

    async def aexecute(self, task, plan, step, metadata=None):
        arrived.append(step["id"])
        if len(arrived) == 2:
            met.set()
        await asyncio.wait_for(met.wait(), 10)
        return {"output": f"out {step['id']}"}

    hooked.aexecute = aexecute
    agents.put(agent=hooked, teach=accept)
    run = await agents.run(lane="escalate", orchestration={"max_parallel_steps": 2})
    assert [step.output for step in run.rows.steps] == ["out 1", "out 2"]


# --- the record --------------------------------------------------------------------------------------------------


async def test_the_events_of_a_run_come_in_the_contracts_order(agents, hooked):
    hooked.outputs = ("bad", "good")
    agents.put(agent=hooked, teach=reject_first, judge=judge)
    run = await agents.run(lane="paired")
    assert run.story == [
        "ADAPTER_EVENT progress",
        "WORKFLOW_START orchestration",
        "CUSTOM_START triage",
        "CUSTOM_END triage",
        "CUSTOM_START adaptive_route",
        "CUSTOM_END adaptive_route",
        "FUNCTION_START plan_creation",
        "FUNCTION_END plan_creation",
        "TASK_START step_1",
        "ADAPTER_EVENT env_action",
        "FUNCTION_START step_validation",
        "FUNCTION_END step_validation",
        "TASK_END step_1",
        "TASK_START step_1",
        "ADAPTER_EVENT env_action",
        "FUNCTION_START step_validation",
        "FUNCTION_END step_validation",
        "TASK_END step_1",
        "FUNCTION_START final_synthesis",
        "FUNCTION_END final_synthesis",
        "FUNCTION_START reward_evaluation",
        "FUNCTION_END reward_evaluation",
        "CUSTOM_START reward",
        "CUSTOM_END reward",
        "WORKFLOW_END orchestration",
    ]


async def test_a_steps_events_carry_what_it_was_given_and_what_it_came_to(agents, hooked):
    hooked.outputs = ("bad", "good")
    agents.put(agent=hooked, teach=reject_first)
    run = await agents.run(lane="paired")
    starts = [p["data"]["input"] for p in run.payloads if p["event_type"] == "TASK_START"]
    assert [set(start) for start in starts] == [{"step", "context", "guidance", "attempt"}] * 2
    assert [(start["attempt"], start["guidance"]) for start in starts] == [(1, []), (2, ["cite the source"])]
    first, second = [p["data"]["output"] for p in run.payloads if p["event_type"] == "TASK_END"]
    assert (second["trace"], second["output"], second["deliverable"]) == ("trace 1", "good", "good")
    assert second["runtime"]["reward_skipped"] is True
    assert set(second["runtime"]["timings_ms"]) == {"student_ms", "validation_ms", "guidance_ms", "total_ms"}
    assert second["evaluation"]["validation"]["valid"] is True
    assert first["error"]["message"] == "saw bad"


async def test_a_failed_validation_marks_its_attempt_as_an_error(agents, hooked):
    hooked.outputs = ("bad", "good")
    agents.put(agent=hooked, teach=reject_first)
    run = await agents.run(lane="paired")
    first, second = [span for span in run.recorded.spans if span.kind == "step"]
    assert (first.status, second.status) == (2, 0)
    assert first.status_message == "ValidationFailed: saw bad"


async def test_adapter_events_stand_under_the_step_then_open(agents, hooked):
    agents.put(agent=hooked)
    run = await agents.run(lane="auto")
    step = run.recorded.span("step 1")
    opening, working = [p for p in run.payloads if p["event_type"] == "ADAPTER_EVENT"]
    assert opening["data"]["output"] == {"event": "progress", "payload": {"phase": "open"}}
    assert working["data"]["output"] == {"event": "env_action", "payload": {"n": 0}, "step": 1}
    assert working["metadata"]["source"] == "adapter"
    assert [event.span_id for event in run.recorded.events if "env_action" in event.payload] == [step.span_id]
    assert run.metadata["adapter_events"] == {"recorded": 2, "dropped": 0, "malformed": 0}


async def test_capabilities_prompts_and_route_stand_in_the_metadata(agents, hooked):
    agents.put(agent=hooked)
    run = await agents.run(
        lane="auto",
        agent={"behavior": "atlas", "system_prompt": "Be exact."},
        metadata={"tenant": "acme"},
        session_metadata={"ticket": 7, "tags": ["blue"]},
    )
    metadata = run.metadata
    reported = {"control_loop": "self", "supports_stepwise": False, "telemetry_stream": True}
    assert metadata["adapter_capabilities_reported"] == reported
    assert metadata["adapter_capabilities"] == {**reported, "control_loop": "atlas", "supports_stepwise": True}
    assert (metadata["tenant"], metadata["ticket"], metadata["tags"]) == ("acme", 7, ["blue"])
    assert metadata["execution_mode"] == "auto"
    assert metadata["adaptive_summary"]["adaptive_mode"] == "auto"
    assert metadata["triage_dossier"]["tags"] == ["blue"]
    assert metadata["learning_history"]["count"] == 0
    assert metadata["prompts"]["executor"].startswith("Be exact.")
    assert metadata["review"]["require_approval"] is True
    assert "caller_metadata" not in metadata


async def test_rewards_are_not_asked_for_where_nobody_judges(agents):
    agents.put(agent=lambda prompt: "x")
    run = await agents.run(lane="auto")
    assert run.result.reward is None
    assert run.rows.session.reward is None
    assert "reward_evaluation" not in " ".join(run.story)


async def test_without_a_teacher_the_rows_say_that_nobody_checked(agents):
    agents.put(agent=lambda prompt: "x")
    run = await agents.run(lane="paired")
    assert run.rows.attempts[0].evaluation["validation"] == {"skipped": "no_teacher", "guidance": None}


def words(text):
    return set(text.split())


async def test_every_key_of_the_metadata_is_the_contracts_or_described(agents, hooked):
    hooked.control_loop, hooked.stepwise, hooked.steps = "atlas", True, STEPS
    agents.put(agent=hooked, teach=accept, judge=judge)
    run = await agents.run(lane="coach")
    page = (Path(__file__).parents[3] / "docs" / "reference" / "metadata.md").read_text(encoding="utf-8")
    contract = words(
        "session_id status created_at completed_at execution_mode learning_key learning_history adaptive_summary "
        "triage_dossier session_reward reward_summary reward_stats reward_audit student_learning teacher_learning "
        "teacher_notes drift drift_alert review review_status review_notes adapter_capabilities "
        "adapter_capabilities_reported adapter_session token_usage executor_system_prompt"
    )
    described = set(re.findall(r"`(\w+)`", page.split("## Keys of `sessions.metadata`")[1].split("## ")[0]))
    assert set(run.metadata) - contract <= described


# --- answers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "final", "output"),
    [
        ("plain text", "plain text", "plain text"),
        ({"output": {"rows": 2}}, '{"rows":2}', '{"rows":2}'),
        ({"output": "short", "deliverable": "the whole report"}, "the whole report", "short"),
        (StudentStepResult(output="from the class"), "from the class", "from the class"),
        (b"bytes", "bytes", "bytes"),
        ([1, 2], "[1,2]", "[1,2]"),
        (42, "42", "42"),
    ],
)
async def test_what_a_function_may_answer(agents, answer, final, output):
    agents.put(agent=lambda prompt: answer)
    run = await agents.run(lane="auto")
    assert run.error is None
    assert run.result.final_answer == final
    assert run.rows.steps[0].output == output


async def test_generators_where_the_config_allows_them(agents):
    def sync(prompt):
        yield "one "
        yield b"two"

    async def unsync(prompt):
        yield "one "
        yield "two"

    agents.put(sync=sync, unsync=unsync)
    for attribute in ("sync", "unsync"):
        run = await agents.run(attribute=attribute, lane="auto", agent={"allow_generator": True})
        assert run.result.final_answer == "one two"
        refused = await agents.run(attribute=attribute, lane="auto")
        assert "allow_generator" in str(refused.error)


async def test_an_object_with_only_ainvoke_and_a_class_are_agents(agents):
    class Plain:
        async def ainvoke(self, prompt, metadata=None):
            return prompt.upper()

    class Callable_:
        def __call__(self, question):
            return question[::-1]

    agents.put(plain=Plain(), Plain=Plain, called=Callable_())
    for attribute, answer in (("plain", "THE TASK"), ("Plain", "THE TASK"), ("called", "ksat eht")):
        assert (await agents.run(attribute=attribute, lane="auto")).result.final_answer == answer


async def test_each_run_is_a_session_of_its_own_also_side_by_side(agents):
    from atlas_otel.testing import recording

    async def agent(prompt, metadata):
        await asyncio.sleep(0.01)
        return prompt

    agents.put(agent=agent)
    from atlas_otel.runtime.run import arun

    with recording() as recorded:
        results = await asyncio.gather(*(arun(f"task {n}", config=agents.config(lane="auto")) for n in range(5)))
        answers = {result.session_id: result.final_answer for result in results}
        assert {key: recorded.rows(key).session.final_answer for key in answers} == answers
        assert len(answers) == 5

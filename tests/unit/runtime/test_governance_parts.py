"""Triage, probe, teacher and judges: what they may answer, and that none of them can fail a run."""

from __future__ import annotations

import asyncio
import time

import pytest

from atlas_otel.adapters import Plan, Step
from atlas_otel.models.config import ProbeConfig
from atlas_otel.runtime import probe, prompts
from atlas_otel.runtime.advisor import FunctionAdvisor
from atlas_otel.runtime.judges import FunctionJudge, TieredJudge, session_facts
from atlas_otel.runtime.judging import Verdict
from atlas_otel.runtime.lanes import ProbeAnswer
from atlas_otel.runtime.teacher import Teacher
from atlas_otel.runtime.triage import TriageDossier, default_dossier, triage
from atlas_otel.tracing.state import absorbed_counts

PLAN = Plan(steps=[Step(id=1, description="look"), Step(id=2, description="write", depends_on=[1])])
STEP = PLAN.steps[0]


def raising(**_):
    raise RuntimeError("out of order")


def hanging(**_):
    time.sleep(0.5)


def teacher(function, timeout_s=5.0):
    return Teacher(FunctionAdvisor("t", function), "", "", timeout_s)


async def validated(function, **options):
    return await teacher(function, **options).validate(
        "task", STEP, output="out", trace="tr", context={}, guidance=["g"], attempt=2
    )


# --- triage ------------------------------------------------------------------------------------------------------


async def test_a_triage_adapters_dossier_is_taken_sync_or_async():
    async def build(task, metadata):
        return {"task": task, "summary": f"{task} for {metadata['tenant']}", "risks": [{"description": "r"}]}

    done = await triage(build, "mine", "T", {"tenant": "acme"})
    assert (done.dossier.summary, done.error) == ("T for acme", None)
    assert done.dossier.risks[0].severity == "moderate"
    same = await triage(lambda task, metadata: TriageDossier(task=task, summary="s"), "mine", "T", {})
    assert same.dossier.summary == "s"


@pytest.mark.parametrize("answer", [None, {}, {"task": "T", "summary": "s", "risks": [{"severity": "x"}]}, "text"])
async def test_a_triage_adapter_that_answers_nonsense_falls_back(answer):
    done = await triage(lambda task, metadata: answer, "mine", "T", {"summary": "given", "colour": "red"})
    assert (done.dossier.summary, done.dossier.metadata) == ("given", {"colour": "red"})
    assert done.error


async def test_a_triage_adapter_that_raises_is_counted():
    before = absorbed_counts().get("governance_triage", 0)
    done = await triage(lambda task, metadata: raising(), "mine", "T", {})
    assert done.error == "RuntimeError: out of order"
    assert absorbed_counts()["governance_triage"] == before + 1


def test_the_default_dossier_takes_what_fits():
    made = default_dossier(
        "T", {"tags": ["a", " "], "risks": ["burns", {"description": "d", "severity": "high"}, 3], "signals": "none"}
    )
    assert made.tags == ["a"]
    assert [(risk.description, risk.severity) for risk in made.risks] == [("burns", "moderate"), ("d", "high")]
    assert made.signals == []


# --- probe -------------------------------------------------------------------------------------------------------

HISTORY = {"count": 8, "entries": [{"score": n / 10} for n in range(8)]}
ASKED = probe.question("T", TriageDossier(task="T", summary="s"), HISTORY, ProbeConfig(evidence_limit=3))


def test_the_probe_sees_the_newest_evidence():
    assert [entry["score"] for entry in ASKED.facts["learning_history"]["entries"]] == [0.5, 0.6, 0.7]


@pytest.mark.parametrize(
    ("answer", "mode", "confidence"),
    [
        ({"mode": "coach", "confidence": 0.4}, "coach", 0.4),
        ({"mode": "warp", "confidence": 0.4}, None, 0.4),
        ({"confidence": None}, None, None),
    ],
)
async def test_what_a_probe_may_answer(answer, mode, confidence):
    done = await probe.probe(FunctionAdvisor("p", lambda **_: answer), ASKED, 5)
    assert done.answer == ProbeAnswer(mode, confidence, answer)


@pytest.mark.parametrize("function", [raising, hanging, lambda **_: "fine", lambda **_: {"confidence": 7}])
async def test_a_probe_that_fails_gives_no_answer(function):
    done = await probe.probe(FunctionAdvisor("p", function), ASKED, 0.1)
    assert done.answer is None
    assert done.error


# --- teacher -----------------------------------------------------------------------------------------------------


async def test_a_function_gets_what_a_model_would_be_asked_by_keyword():
    seen = {}

    def check(task, step, output, trace, context, guidance, attempt, phase, parameters):
        seen.update(locals())
        return {"valid": False, "guidance": " cite ", "reason": "thin", "confidence": 0.2}

    made = Teacher(FunctionAdvisor("t", check, {"strict": True}), "", "", 5.0)
    found = await made.validate("task", STEP, output="out", trace="tr", context={}, guidance=["g"], attempt=2)
    assert (found.valid, found.guidance, found.reason, found.details) == (False, "cite", "thin", {"confidence": 0.2})
    assert (seen["phase"], seen["output"], seen["attempt"], seen["parameters"]) == (
        "validation",
        "out",
        2,
        {"strict": True},
    )
    assert seen["step"]["description"] == "look"


async def test_a_function_may_answer_true():
    assert (await validated(lambda output: True)).to_json() == {"valid": True, "guidance": None}


@pytest.mark.parametrize("function", [raising, hanging, lambda **_: None, lambda **_: {"valid": "yes"}, lambda **_: 7])
async def test_a_teacher_that_fails_leaves_the_attempt_unjudged(function):
    found = await validated(function, timeout_s=0.1)
    assert found.valid is None
    assert "valid" not in found.to_json()
    assert found.to_json()["skipped"] == "teacher_failed"


async def test_a_plan_is_reviewed():
    made = await teacher(lambda plan: {"steps": plan["steps"][:1], "concerns": "too long"}).review("T", PLAN)
    assert ([step.id for step in made.plan.steps], made.concerns) == ([1], "too long")
    assert (await teacher(lambda plan: None).review("T", PLAN)).plan == PLAN


@pytest.mark.parametrize(
    "function",
    [
        raising,
        hanging,
        lambda **_: {"steps": [{"id": 2, "description": "d", "depends_on": [9]}]},
        lambda **_: {"steps": [{"id": 2}]},
        lambda **_: "no",
    ],
)
async def test_the_agents_plan_stands_where_its_review_fails(function):
    made = await teacher(function, timeout_s=0.1).review("T", PLAN)
    assert made.plan == PLAN
    assert made.error


async def test_a_reviewed_plan_serves_again_for_a_while():
    calls = []
    made = Teacher(FunctionAdvisor("one of its own", lambda plan: calls.append(1)), "", "", 5.0, plan_cache_s=60.0)
    await made.review("T", PLAN)
    assert (await made.review("T", PLAN)).cached
    await made.review("another", PLAN)
    assert len(calls) == 2
    made.plan_cache_s = 0.0
    await made.review("T", PLAN)
    assert len(calls) == 3


# --- judges ------------------------------------------------------------------------------------------------------

FACTS = session_facts(
    task="T",
    plan=PLAN.model_dump(),
    steps=[],
    final_answer="A",
    execution_mode="auto",
    metadata={},
    focus_prompt=None,
)


class Scripted:
    """A judge's model that answers from a list, and notes what it was asked."""

    def __init__(self, *answers):
        self.name = "scripted"
        self.answers = list(answers)
        self.asked = []

    async def ask(self, question):
        answer = self.answers[len(self.asked)]
        self.asked.append(question)
        await asyncio.sleep(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def aclose(self):
        pass


def verdict(score, uncertainty=0.1, **more):
    return Verdict(score=score, uncertainty=uncertainty, rationale=f"worth {score}", **more)


def tiered(small, large=None, parallel=4):
    return TieredJudge(small, large, "judge", "arbiter", 0.15, 0.3, parallel)


async def test_three_samples_that_agree_are_the_judgement():
    small = Scripted(verdict(0.7), verdict(0.7), verdict(0.7))
    found = await tiered(small, Scripted()).evaluate(FACTS)
    assert found.judgement.score == pytest.approx(0.7)
    assert [question.temperature for question in small.asked] == [0.2, 0.5, 0.8]
    assert [entry["stage"] for entry in found.audit] == ["tier1"] * 3


async def test_samples_that_differ_are_arbitrated():
    large = Scripted(verdict(0.3))
    found = await tiered(Scripted(verdict(0.1), verdict(0.9), verdict(0.5)), large).evaluate(FACTS)
    assert found.judgement.score == pytest.approx(0.3)
    assert found.judgement.judges[0]["escalated"] is True
    assert len(found.judgement.judges[0]["samples"]) == 1
    assert [sample["score"] for sample in large.asked[0].facts["earlier_samples"]] == [0.1, 0.9, 0.5]
    assert [entry["stage"] for entry in found.audit] == ["tier1"] * 3 + ["tier2"]


async def test_an_arbiter_that_fails_leaves_the_samples():
    found = await tiered(Scripted(verdict(0.0), verdict(1.0), verdict(0.5)), Scripted(RuntimeError("no"))).evaluate(
        FACTS
    )
    assert found.judgement.score == pytest.approx(0.5)
    assert found.judgement.judges[0]["escalated"] is False
    assert found.judgement.raw["errors"] == ["RuntimeError: no"]


async def test_a_sample_that_fails_is_one_fewer():
    found = await tiered(Scripted(verdict(0.6), TimeoutError("late"), {"score": "high"})).evaluate(FACTS)
    assert found.judgement.score == pytest.approx(0.6)
    assert ["error" in entry for entry in found.audit] == [False, True, True]


async def test_when_every_judge_fails_the_zero_is_marked():
    found = await tiered(Scripted(*[RuntimeError("down")] * 3), Scripted()).evaluate(FACTS)
    assert found.judgement.failed
    assert found.judgement.raw["errors"] == ["RuntimeError: down"] * 3


@pytest.mark.parametrize("function", [raising, hanging, lambda **_: "good", lambda **_: {"score": None}])
async def test_a_python_judge_that_fails_is_a_marked_zero(function):
    found = await FunctionJudge(FunctionAdvisor("j", function), 0.1).evaluate(FACTS)
    assert found.judgement.failed
    assert found.audit[0]["error"]


# --- prompts -----------------------------------------------------------------------------------------------------


def test_a_plain_task_is_asked_as_it_is():
    step = {"id": 1, "description": "Do it"}
    assert prompts.executor_request("Do it", step, {}, [], "tag") == "Do it"
    assert prompts.executor_request("Do it", step, {}, ["cite"], "rim_feedback") == (
        "Do it\n\n<rim_feedback>\ncite\n</rim_feedback>"
    )


def test_a_step_is_asked_with_its_task_tool_and_results():
    step = {"id": 2, "description": "Write", "tool": "editor", "tool_params": {"size": 2}}
    assert prompts.executor_request("Report", step, {"1": "found"}, [], "tag") == (
        'Task: Report\n\nStep 2: Write\n\nTool: editor {"size":2}\n\nResults so far:\n1: found'
    )


def test_base_prompt_and_remarks_are_filled_in():
    filled = prompts.teacher_prompt(
        "validation", None, "You are exact.", {"validation": "Be brief.", "guidance": "One line."}
    )
    assert "You are exact." in filled
    assert "{base_prompt}" not in filled
    assert filled.index("Be brief.") < filled.index("One line.")
    assert "What matters here: speed" in prompts.judge_prompt("speed", ["process"])
    assert prompts.judge_prompt(None, ["process"], arbiter=True).startswith("Several judgements")

"""What hooks may answer, and how a wrong answer is named."""

from __future__ import annotations

import dataclasses
import json

import pytest

from atlas_otel.adapters import AdapterCapabilities, AdapterError, AdapterTelemetryEvent, Plan, Step, StudentStepResult
from atlas_otel.runtime import coerce


def test_capabilities_may_be_a_dict_and_keep_keys_of_their_own():
    made = coerce.capabilities({"control_loop": "self", "supports_stepwise": False, "region": "eu"})
    assert made.model_dump() == {
        "control_loop": "self",
        "supports_stepwise": False,
        "telemetry_stream": False,
        "region": "eu",
    }
    assert AdapterCapabilities().model_dump() == {
        "control_loop": "atlas",
        "supports_stepwise": True,
        "telemetry_stream": False,
    }


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        ({"control_loop": "mine"}, "control_loop"),
        ({"supports_stepwise": "perhaps"}, "supports_stepwise"),
        (None, "NoneType"),
        ("self", "str"),
    ],
)
def test_wrong_capabilities_name_the_field(answer, names):
    with pytest.raises(AdapterError, match=names):
        coerce.capabilities(answer)


@pytest.mark.parametrize(
    ("behavior", "loop", "stepwise"), [(None, "self", True), ("atlas", "atlas", True), ("self", "self", False)]
)
def test_behavior_overrides_the_loop(behavior, loop, stepwise):
    reported = AdapterCapabilities(control_loop="self", supports_stepwise=True, telemetry_stream=True)
    made = coerce.effective(reported, behavior)
    assert (made.control_loop, made.supports_stepwise, made.telemetry_stream) == (loop, stepwise, True)


def test_an_event_keeps_what_was_set():
    given = {"event": "env_action", "payload": {"tool": "search"}, "step": 2, "unit": "rows"}
    assert coerce.event(given) == given
    assert coerce.event(AdapterTelemetryEvent(event="progress", reason="begin")) == {
        "event": "progress",
        "reason": "begin",
    }


@pytest.mark.parametrize("given", [{}, {"event": "nonsense"}, {"event": "error", "step": "two"}, "progress", None])
def test_a_malformed_event_is_an_error(given):
    with pytest.raises(AdapterError, match="emit_event"):
        coerce.event(given)


def test_plans():
    steps = [{"id": 1, "description": "look"}, {"id": 2, "description": "write", "depends_on": ["1"]}]
    made = coerce.plan({"steps": steps}, "task", self_managed=False)
    assert made.execution_mode == "stepwise"
    assert made.steps[1].depends_on == ["1"]
    assert coerce.plan(json.dumps({"steps": steps}), "task", self_managed=False) == made
    assert coerce.plan(made, "task", self_managed=True).execution_mode == "single_shot"
    for nothing in ({"steps": []}, {}, None, Plan(steps=[])):
        alone = coerce.plan(nothing, "the task", self_managed=True)
        assert alone == Plan(steps=[Step(id=1, description="the task")], execution_mode="single_shot")


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        ({"steps": [{"id": "one", "description": "look"}]}, "steps.0.id"),
        ({"steps": [{"id": 1}]}, "steps.0.description"),
        ({"steps": []}, "without steps"),
        ({"steps": [{"id": 1, "description": "a"}, {"id": 1, "description": "b"}]}, "id 1"),
        ("not json", "not JSON"),
        (7, "int"),
    ],
)
def test_a_wrong_plan_names_the_field(answer, names):
    with pytest.raises(AdapterError, match=names):
        coerce.plan(answer, "task", self_managed=False)


def test_a_plan_is_folded_into_one_step():
    plan = Plan(steps=[Step(id=1, description="look"), Step(id=2, description="write", depends_on=[1])])
    one = coerce.folded(plan, "Report")
    assert one.execution_mode == "single_shot"
    assert [step.id for step in one.steps] == [1]
    assert one.steps[0].description == "Report\n\nFollow this plan:\n1. look\n2. write"
    assert coerce.folded(Plan(steps=[Step(id=7, description="look")]), "Report").steps[0].description == "look"


def test_step_results():
    made = coerce.step_result(
        {"output": {"rows": 2}, "metadata": {"status": "ok"}, "deliverable": "two", "rows": 2}, step=3, attempt=2
    )
    assert made.output == {"rows": 2}
    assert coerce.output_text(made.output) == '{"rows":2}'
    assert made.metadata == {"rows": 2, "status": "ok"}
    assert (made.status, made.attempts) == ("ok", 2)
    assert json.loads(made.trace) == {"source": "adapter", "step": 3, "attempt": 2, "trace": None}
    assert coerce.step_result("plain words", step=1, attempt=1).output == "plain words"
    assert coerce.step_result(StudentStepResult(trace="t", output="o"), step=1, attempt=1).trace == "t"

    @dataclasses.dataclass
    class Theirs:
        trace: str = "theirs"
        output: str = "out"
        extra: int = 5

    foreign = coerce.step_result(Theirs(), step=1, attempt=1)
    assert (foreign.trace, foreign.output, foreign.metadata) == ("theirs", "out", {"extra": 5})


@pytest.mark.parametrize(
    ("answer", "names"),
    [(None, "NoneType"), ({"trace": "t"}, "output"), ({"output": "o", "metadata": [1]}, "metadata"), (3, "int")],
)
def test_a_wrong_step_result_names_the_field(answer, names):
    with pytest.raises(AdapterError, match=names):
        coerce.step_result(answer, step=1, attempt=1)


@pytest.mark.parametrize(
    ("output", "expected"),
    [('{"a": 1}', {"a": 1}), (" [1]", [1]), ("plain", None), ('{"broken', None), ([2], [2]), ("7", None)],
)
def test_structured_output_is_found(output, expected):
    assert coerce.structured(output) == expected


def test_final_answers():
    assert coerce.final_answer({"total": 2}) == '{"total":2}'
    assert coerce.final_answer("done") == "done"
    with pytest.raises(AdapterError, match="None"):
        coerce.final_answer(None)
    assert coerce.unsynthesized(StudentStepResult(output="out", deliverable="  ")) == "out"
    assert coerce.unsynthesized(StudentStepResult(output="out", deliverable="the report")) == "the report"
    assert coerce.unsynthesized(StudentStepResult(output={"n": 1}, deliverable={"k": 2})) == '{"n":1}'

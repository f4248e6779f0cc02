"""Contract §1: the fields of intermediate steps and their rules."""

from __future__ import annotations

import json
import math

import pytest
from pydantic import ValidationError

from atlas_otel.models.intermediate_step import (
    IntermediateStep,
    IntermediateStepCategory,
    IntermediateStepPayload,
    IntermediateStepState,
    IntermediateStepType,
    TraceMetadata,
)


def test_types_say_their_category_and_state() -> None:
    said = {one.value: (one.category.value, one.state.value) for one in IntermediateStepType}
    assert said == {
        "LLM_START": ("LLM", "START"),
        "LLM_NEW_TOKEN": ("LLM", "CHUNK"),
        "LLM_END": ("LLM", "END"),
        "TOOL_START": ("TOOL", "START"),
        "TOOL_END": ("TOOL", "END"),
        "WORKFLOW_START": ("WORKFLOW", "START"),
        "WORKFLOW_END": ("WORKFLOW", "END"),
        "TASK_START": ("TASK", "START"),
        "TASK_END": ("TASK", "END"),
        "FUNCTION_START": ("FUNCTION", "START"),
        "FUNCTION_END": ("FUNCTION", "END"),
        "CUSTOM_START": ("CUSTOM", "START"),
        "CUSTOM_END": ("CUSTOM", "END"),
        "SPAN_START": ("SPAN", "START"),
        "SPAN_CHUNK": ("SPAN", "CHUNK"),
        "SPAN_END": ("SPAN", "END"),
        "ADAPTER_EVENT": ("CUSTOM", "CHUNK"),
    }


@pytest.mark.parametrize("kind", [one for one in IntermediateStepType if one.state is not IntermediateStepState.END])
def test_only_an_end_carries_its_start(kind: IntermediateStepType) -> None:
    with pytest.raises(ValidationError, match="span_event_timestamp belongs to an END"):
        IntermediateStepPayload(event_type=kind, span_event_timestamp=1.0)
    assert IntermediateStepPayload(event_type=IntermediateStepType.TOOL_END, span_event_timestamp=1.0)


def test_every_payload_is_a_step_of_its_own_now_unless_told_otherwise() -> None:
    first, second = (IntermediateStepPayload(event_type=IntermediateStepType.TOOL_START) for _ in range(2))
    assert first.UUID != second.UUID
    assert second.event_timestamp >= first.event_timestamp > 1_700_000_000
    assert first.event_category is IntermediateStepCategory.TOOL


def test_payloads_take_further_fields_and_steps_do_not() -> None:
    payload = IntermediateStepPayload.model_validate(
        {"event_type": "TOOL_START", "beyond": 1, "data": {"input": 1, "payload": 2}}
    )
    assert json.loads(payload.model_dump_json())["beyond"] == 1
    assert json.loads(payload.model_dump_json())["data"]["payload"] == 2
    node = {"function_id": "root", "function_name": "root"}
    with pytest.raises(ValidationError):
        IntermediateStep.model_validate(
            {"parent_id": "root", "function_ancestry": node, "payload": payload, "anomaly": "second_end"}
        )


def test_metadata_has_a_typed_form() -> None:
    typed = TraceMetadata(chat_inputs=["hi"], beyond=1)  # type: ignore[call-arg]
    payload = IntermediateStepPayload(event_type=IntermediateStepType.LLM_START, metadata=typed)
    held = json.loads(payload.model_dump_json())["metadata"]
    assert (held["chat_inputs"], held["beyond"], held["tools_schema"]) == (["hi"], 1, [])


def test_no_time_is_no_time() -> None:
    with pytest.raises(ValidationError):
        IntermediateStepPayload(event_type=IntermediateStepType.TOOL_START, event_timestamp=math.nan)

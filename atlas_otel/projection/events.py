"""Trajectory events of spans: for each a START and, once it is over, an END."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atlas_otel import semconv
from atlas_otel.events.note import STUDENT
from atlas_otel.models.rows import TrajectoryEventRow
from atlas_otel.projection.results import task_input

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_otel.events.note import Enclosure
    from atlas_otel.models.plan import StepAttempt
    from atlas_otel.projection.facts import Facts
    from atlas_otel.projection.node import Node
    from atlas_otel.projection.step_rows import AttemptView, StepView
    from atlas_otel.records.json_text import JsonText
    from atlas_otel.semconv import Kind

_CATEGORY: Final[Mapping[Kind, str]] = {
    "session": "WORKFLOW",
    "step": "TASK",
    "tool": "TOOL",
    "llm": "LLM",
    "agent": "FUNCTION",
    "function": "FUNCTION",
    "custom": "CUSTOM",
}


def span_events(
    node: Node,
    name: str,
    around: Enclosure,
    step: StepAttempt | None,
    view: tuple[StepView, AttemptView] | None = None,
    opened_ns: int | None = None,
) -> list[TrajectoryEventRow]:
    """START and END of a span. ``view`` is there for a step: the attempt that the span is.

    A span that was opened by a pushed step has its events from there; a reward span from its notes. ``opened_ns``: when
    the adapter last reported something while it opened; a session's workflow begins after that.
    """
    category = _CATEGORY.get(node.role)
    if category is None or node.facts.pushed_uuid is not None or node.span.attributes.get(semconv.ATLAS_ASIDE) is True:
        return []
    span, facts = node.span, node.facts
    common = _common_metadata(node, step)
    key = f"{span.trace_id}:{span.span_id}"
    begin_ns = span.start_ns if opened_ns is None else max(span.start_ns, opened_ns + 1)
    begin_ns = begin_ns if span.end_ns is None else min(begin_ns, max(span.start_ns, span.end_ns))
    start = {
        "UUID": node.uuid,
        "event_type": f"{category}_START",
        "event_timestamp": begin_ns / 1e9,
        "span_event_timestamp": None,
        "framework": None,
        "name": name,
        "tags": list(facts.tags),
        "data": {"input": _task_input(view) if view is not None else _input(node)},
        "metadata": common | _start_metadata(node),
        "usage_info": None,
    }
    events = [TrajectoryEventRow(begin_ns, f"{key}:a", around.step(start))]
    if span.end_ns is not None and (span.ended or node.unfinished is not None):
        end = start | {
            "event_type": f"{category}_END",
            "event_timestamp": span.end_ns / 1e9,
            "span_event_timestamp": begin_ns / 1e9,
            "data": {"output": _task_output(view) if view is not None else _output(node)},
            "metadata": common | _end_metadata(node),
            "usage_info": _usage(facts) if node.role == "llm" else None,
        }
        events.append(TrajectoryEventRow(span.end_ns, f"{key}:z", around.step(end)))
    return events


def _common_metadata(node: Node, step: StepAttempt | None) -> dict[str, object]:
    span, facts = node.span, node.facts
    metadata: dict[str, object] = {
        "kind": node.role,
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "actor": node.actor or STUDENT,
    }
    if step is not None:
        metadata["step_id"], metadata["attempt"] = step
    if facts.metadata is not None:
        metadata["provided_metadata"] = facts.metadata
    for name, value in (("model", facts.model), ("provider", facts.provider), ("agent", facts.agent_name)):
        if value is not None:
            metadata[name] = value
    if node.role == "tool":
        metadata["tool_info"] = {"name": facts.name, "call_id": facts.tool_call_id}
    return metadata


def _start_metadata(node: Node) -> dict[str, object]:
    facts = node.facts
    metadata: dict[str, object] = {}
    if node.role == "llm" and facts.input_messages is not None and facts.input is not None:
        metadata["span_inputs"] = facts.input
    if node.role != "llm" and facts.input_messages is not None:
        metadata["chat_inputs"] = facts.input_messages
    if facts.system_instructions is not None:
        metadata["system_instructions"] = facts.system_instructions
    if facts.tool_definitions is not None:
        metadata["tools_schema"] = facts.tool_definitions
    return metadata


def _end_metadata(node: Node) -> dict[str, object]:
    facts = node.facts
    metadata: dict[str, object] = {"status": node.status}
    if facts.output is not None and facts.output_messages is not None:
        metadata["chat_responses"] = facts.output_messages
    if facts.finish_reasons:
        metadata["finish_reasons"] = facts.finish_reasons
    if details := _token_details(facts):
        metadata["token_details"] = details
    if node.role == "llm" and isinstance(cost := node.span.attributes.get(semconv.ATLAS_COST_USD), float):
        metadata["cost_usd"] = cost
    named = {
        "id": facts.response_id,
        "model": facts.response_model,
        "previous_id": facts.previous_response_id,
        "tokens": facts.tokens,
    }
    if node.role == "llm" and (response := {key: value for key, value in named.items() if value is not None}):
        metadata["response"] = response
    if facts.stream_chunks is not None or facts.stream_incomplete:
        metadata["stream"] = {"chunks": facts.stream_chunks, "incomplete": facts.stream_incomplete}
    failure = node.failure
    if failure is not None:
        metadata["error"] = {"type": failure.type, "message": failure.message, "stacktrace": failure.stacktrace}
    return metadata


def _input(node: Node) -> object:
    facts = node.facts
    if node.role == "llm" and facts.input_messages is not None:
        return facts.input_messages
    if node.role == "session" and facts.task is not None:
        return {"task": facts.task, "input": facts.input}
    return facts.input if facts.input is not None else facts.input_messages


def _output(node: Node) -> object:
    facts = node.facts
    return facts.output if facts.output is not None else facts.output_messages


def _task_input(view: tuple[StepView, AttemptView]) -> object:
    """``{step, context, guidance, attempt}`` (contract §5), unless the step was given just that."""
    step, attempt = view
    facts = attempt.node.facts if attempt.node is not None else None
    given: JsonText | None = facts.input if facts is not None else None
    if facts is not None and task_input(facts).is_there:
        return given
    return {
        "step": step.plan.to_json(),
        "context": given if given is not None else {},
        "guidance": [note for one in step.attempts if one.number < attempt.number for note in one.guidance],
        "attempt": attempt.number,
    }


def _task_output(view: tuple[StepView, AttemptView]) -> object:
    """``{trace, output, evaluation, metadata, runtime, status, artifacts, deliverable}``, with ``error`` where it
    failed (contract §5)."""
    _, attempt = view
    metadata = dict(attempt.metadata)
    runtime = metadata.pop("runtime", None)
    timings: dict[str, object] = {} if attempt.milliseconds is None else {"total_ms": attempt.milliseconds}
    output: dict[str, object] = {
        "trace": attempt.trace,
        "output": attempt.result.output,
        "evaluation": attempt.evaluation or {},
        "metadata": metadata,
        "runtime": runtime if isinstance(runtime, dict) else {"timings_ms": timings},
        "status": metadata.get("status", attempt.status),
        "artifacts": metadata.get("artifacts"),
        "deliverable": metadata.get("deliverable"),
    }
    if attempt.error is not None:
        output["error"] = attempt.error
    return output


def _token_details(facts: Facts) -> dict[str, int]:
    """Of which kind some of the tokens were: contract §1 has no place for it in ``usage_info``."""
    if facts.usage is None:
        return {}
    of_input = {"cache_read": facts.usage.cached_tokens, "cache_write": facts.usage.cache_write_tokens}
    found = {**of_input, "reasoning": facts.usage.reasoning_tokens}
    return {name: number for name, number in found.items() if number is not None}


def _usage(facts: Facts) -> dict[str, object] | None:
    if facts.usage is None:
        return None
    return {
        "prompt_tokens": facts.usage.input_tokens or 0,
        "completion_tokens": facts.usage.output_tokens or 0,
        "total_tokens": facts.usage.total,
        "num_llm_calls": 1,
        "seconds_between_calls": 0,
    }

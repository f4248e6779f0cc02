"""The attributes that may leave the process where content is not captured, and the form that each must have. Pure.

An allowlist, as nobody can name all attributes that instrumentations will put content into: types, names given in code,
ids, timings, counts, sizes, token numbers, scores, statuses. A value passes only in the form that its key promises, so
that a message in place of a model's name does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atlas_otel import semconv
from atlas_otel.events.forms import is_id, is_name, is_number, is_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from atlas_otel.records.record import AttributeValue


def _are_ids(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(map(is_id, value))


def _are_types(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(map(is_type, value))


STRUCTURE: Final = frozenset(
    {
        semconv.ATLAS_KIND,
        semconv.ATLAS_SESSION_ID,
        semconv.ATLAS_PARENT_SESSION_ID,
        semconv.ATLAS_STEP_ID,
        semconv.ATLAS_STEP_ATTEMPT,
        semconv.ATLAS_ACTOR,
        semconv.ATLAS_PUSHED_UUID,
        semconv.ATLAS_TARGET_TRACE_ID,
        semconv.ATLAS_TARGET_SPAN_ID,
    }
)
"""What holds a session together: in the form of an id, it is not shown to a redactor."""

_FORMS: Final[tuple[tuple[Callable[[object], bool], tuple[str, ...]], ...]] = (
    (
        is_id,
        (
            *STRUCTURE,
            semconv.ATLAS_UNFINISHED,
            semconv.ATLAS_ANOMALY,
            semconv.GEN_AI_OPERATION_NAME,
            semconv.GEN_AI_PROVIDER_NAME,
            semconv.GEN_AI_RESPONSE_ID,
            semconv.GEN_AI_TOOL_CALL_ID,
            semconv.GEN_AI_AGENT_ID,
            semconv.GEN_AI_SYSTEM,
            semconv.GEN_AI_OUTPUT_TYPE,
            semconv.GEN_AI_TOOL_TYPE,
            semconv.GEN_AI_TOKEN_TYPE,
            semconv.OPENINFERENCE_KIND,
            semconv.TRACELOOP_KIND,
            semconv.OPENINFERENCE_PROVIDER,
            semconv.OPENINFERENCE_SYSTEM,
            semconv.LLM_REQUEST_TYPE,
            semconv.GEN_AI_RESPONSE_FINISH_REASON,
            semconv.GEN_AI_RESPONSE_STOP_REASON,
            semconv.LLM_RESPONSE_FINISH_REASON,
            semconv.LLM_RESPONSE_STOP_REASON,
            "http.request.method",
            "http.method",
            "rpc.system",
            "db.system",
            "db.system.name",
            "messaging.system",
        ),
    ),
    (
        is_name,
        (
            semconv.ATLAS_NAME,
            semconv.GEN_AI_AGENT_NAME,
            semconv.GEN_AI_REQUEST_MODEL,
            semconv.GEN_AI_RESPONSE_MODEL,
            semconv.GEN_AI_TOOL_NAME,
            semconv.GEN_AI_EVALUATION_NAME,
            semconv.GEN_AI_WORKFLOW_NAME,
            semconv.OPENINFERENCE_MODEL,
            semconv.OPENINFERENCE_TOOL_NAME,
            semconv.OPENINFERENCE_AGENT_NAME,
            semconv.TRACELOOP_ENTITY_NAME,
        ),
    ),
    (is_type, (semconv.ERROR_TYPE, semconv.EXCEPTION_TYPE, semconv.ATLAS_EXPECTED_EXCEPTION)),
    (_are_types, (semconv.ATLAS_DESCRIBED,)),
    (_are_ids, (semconv.GEN_AI_RESPONSE_FINISH_REASONS,)),
    (
        is_number,
        (
            semconv.ATLAS_STREAM_CHUNKS,
            semconv.ATLAS_STREAM_INCOMPLETE,
            semconv.ATLAS_TRUNCATED,
            semconv.ATLAS_AFTER_SESSION,
            semconv.ATLAS_ASIDE,
            semconv.ATLAS_COST_USD,
            semconv.ATLAS_COST_UNKNOWN,
            semconv.ATLAS_CLOCK_JUMP,
            semconv.ATLAS_PLAN_STEPS,
            semconv.ATLAS_VALIDATION_VALID,
            semconv.GEN_AI_EVALUATION_SCORE,
            "exception.escaped",
            "http.response.status_code",
            "http.status_code",
            "rpc.grpc.status_code",
            semconv.LLM_USAGE_TOTAL_TOKENS,
            semconv.LLM_USAGE_REASONING_TOKENS,
        ),
    ),
)
_FORM: Final = {key: form for form, keys in _FORMS for key in keys}
_NUMBERS: Final = (semconv.GEN_AI_USAGE_PREFIX, semconv.GEN_AI_REQUEST_PREFIX, "llm.token_count.")
"""Below these every number passes, and nothing else."""


def permitted(attributes: Mapping[str, AttributeValue]) -> dict[str, AttributeValue]:
    """The attributes of the allowlist that have their form."""
    kept: dict[str, AttributeValue] = {}
    for key, value in dict(attributes).items():
        form = _FORM.get(key) or (is_number if key.startswith(_NUMBERS) and is_type(key) else None)
        if form is not None and form(value):
            kept[key] = value
    return kept

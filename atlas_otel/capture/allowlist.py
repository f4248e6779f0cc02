"""The attributes that may leave the process where content is not captured, and the form that each must have. Pure.

An allowlist, as nobody can name all attributes that instrumentations will put content into: types, names given in code,
ids, timings, counts, sizes, token numbers, scores, statuses. A value passes only in the form that its key promises, so
that a message in place of a model's name does not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from atlas_otel import semconv

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from atlas_otel.records.record import AttributeValue

_NAME: Final = re.compile(r"(?!.*(?:://|@))[^\x00-\x1f\x7f\ud800-\udfff]{1,128}")
_ID: Final = re.compile(r"[A-Za-z0-9_.:+=/-]{1,128}")
_TYPE: Final = re.compile(r"[A-Za-z_][\w.<>]{0,199}", re.ASCII)


def is_number(value: object) -> bool:
    """A finite number of 64 bits, or a truth value."""
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return isinstance(value, float) and value - value == 0.0


def is_name(value: object) -> bool:
    """One short line without a URL or an address: a model, a tool, an agent."""
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def is_id(value: object) -> bool:
    """A number, or a short word of letters, digits and ``_ . : + = / -`` without a URL."""
    return is_number(value) or (isinstance(value, str) and _ID.fullmatch(value) is not None and "://" not in value)


def is_type(value: object) -> bool:
    """A class or an error code: ``builtins.ValueError``, ``timeout``, ``500``."""
    return isinstance(value, str) and (_TYPE.fullmatch(value) is not None or value.isdecimal())


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

_TARGETED: Final = (semconv.EVENT_METADATA, semconv.EVENT_REWARD, semconv.EVENT_GUIDANCE, semconv.EVENT_VALIDATION)
EVENT_STRUCTURE: Final = frozenset(
    {f"{event}.target.{key}" for event in _TARGETED for key in ("step", "attempt", "span_id")}
    | {f"{semconv.EVENT_INTERMEDIATE_STEP}.{key}" for key in ("parent_id", "anomaly")}
    | {f"{semconv.EVENT_INTERMEDIATE_STEP}.function_ancestry.{key}" for key in ("function_id", "parent_id")}
    | {
        f"{semconv.EVENT_INTERMEDIATE_STEP}.payload.{key}"
        for key in ("UUID", "event_type", "event_timestamp", "span_event_timestamp")
    }
)
"""The same in the payloads of our events, by the path at which it stands; only in the form of an id or a number."""

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
    (is_type, (semconv.ERROR_TYPE, semconv.EXCEPTION_TYPE)),
    (_are_types, (semconv.ATLAS_DESCRIBED,)),
    (_are_ids, (semconv.GEN_AI_RESPONSE_FINISH_REASONS,)),
    (
        is_number,
        (
            semconv.ATLAS_STREAM_CHUNKS,
            semconv.ATLAS_STREAM_INCOMPLETE,
            semconv.ATLAS_TRUNCATED,
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

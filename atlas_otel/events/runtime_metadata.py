"""What a governed run may say of itself where content is not captured: its numbers and enumerations. Pure.

The runtime's own metadata (``execution_mode``, ``review_status``, ``drift``, …) decides which lane a session counts
for and whether it is exported. It is told from the caller's metadata, of which nothing passes, by where it comes from
(``reporting.set_runtime_metadata``), and each key passes only in the closed form that stands here: whatever a model, a
person or an adapter wrote (dossiers, concerns, learnings, prompts, its own keys) does not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

from atlas_otel import semconv
from atlas_otel.events.forms import is_number

if TYPE_CHECKING:
    from atlas_otel.models.json_types import JsonObject, JsonValue

RUNTIME: Final = semconv.SOURCE_RUNTIME
"""The ``source`` of a metadata event whose author is the runtime."""

_Form: TypeAlias = "Callable[[object], bool] | Mapping[str, _Form] | tuple[_Form]"
"""What a value must be: what a predicate says; an object, of which the named keys are kept; a list of such."""

_NOTHING: Final = object()
_REASONS: Final = (
    "adaptive_disabled",
    "capability_probe",
    "mode_override",
    "no_learning_history",
    "probe_disabled",
    "probe_fallback",
)
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:[+-]\d\d:\d\d|Z)?")


def runtime_metadata(metadata: Mapping[str, JsonValue]) -> JsonObject:
    """What is left of the runtime's metadata. Idempotent."""
    kept = _kept(metadata, FORM)
    return kept if isinstance(kept, dict) else {}


def _kept(value: object, form: _Form) -> JsonValue:
    """``value`` with what has its form; :data:`_NOTHING` where it has not itself."""
    if callable(form):
        return value if form(value) else _NOTHING  # type: ignore[return-value]
    if isinstance(form, tuple):
        items = [_kept(item, form[0]) for item in value] if isinstance(value, list) else []
        return [item for item in items if item is not _NOTHING]
    if not isinstance(value, Mapping):
        return _NOTHING  # type: ignore[return-value]
    found = {key: _kept(value[key], inner) for key, inner in form.items() if key in value}
    return {key: item for key, item in found.items() if item is not _NOTHING}


def _one_of(*words: str) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and value in words


def _like(pattern: re.Pattern[str]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _number(value: object) -> bool:
    return value is None or is_number(value)


def _flag(value: object) -> bool:
    return isinstance(value, bool)


_LANE: Final = _one_of("auto", "paired", "coach", "escalate")
_STATUS: Final = _one_of("pending", "approved", "quarantined")
_CAPABILITIES: Final[_Form] = {
    "control_loop": _one_of("atlas", "self"),
    "supports_stepwise": _flag,
    "telemetry_stream": _flag,
}
_MEASURES: Final = ("score_z", "score_mad_z", "uncertainty_z", "uncertainty_mad_z")
_STATISTICS: Final = ("mean", "median", "stddev")
FORM: Final[Mapping[str, _Form]] = {
    "execution_mode": _LANE,
    "adapter_capabilities": _CAPABILITIES,
    "adapter_capabilities_reported": _CAPABILITIES,
    "adapter_events": dict.fromkeys(("recorded", "dropped", "malformed"), _number),
    "adaptive_summary": {
        "adaptive_mode": _LANE,
        "confidence": _number,
        "probe": {"mode": _LANE, "confidence": _number},
        "mode_history": (
            {
                "mode": _LANE,
                "confidence": _number,
                "reason": _one_of(*_REASONS, *(f"{reason}+adapter_capabilities" for reason in _REASONS)),
            },
        ),
    },
    "learning_history": {
        **dict.fromkeys(("count", "total_count", "limit", "average_score", "overall_average_score"), _number),
        **dict.fromkeys(("recent_high_score_streak", "recent_low_score_streak"), _number),
        "scores": (_number,),
        "entries": (
            {
                "score": _number,
                "uncertainty": _number,
                "execution_mode": _LANE,
                "created_at": _like(_TIME),
                "completed_at": _like(_TIME),
            },
        ),
    },
    "drift": {
        "alert": _flag,
        "reason": _one_of("insufficient_baseline", *_MEASURES),
        **dict.fromkeys((*_MEASURES, "score_delta", "uncertainty_delta", "threshold", "window"), _number),
        "baseline": {
            "sample_count": _number,
            **{f"{of}_{name}": _number for of in ("score", "uncertainty") for name in _STATISTICS},
        },
    },
    "drift_alert": _flag,
    "review": {
        "require_approval": _flag,
        "include_all_statuses": _flag,
        "default_export_statuses": (_one_of("pending", "approved", "quarantined", "*", "all"),),
    },
    "review_status": _STATUS,
    "review_notes": _one_of(
        "Auto-approved (review gating disabled).", *(f"Reward drift alert ({measure})." for measure in _MEASURES)
    ),
}

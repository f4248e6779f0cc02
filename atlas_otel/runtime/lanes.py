"""Which lane a task takes, and why. Pure: contract §5, "Lanes", row by row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, get_args

from atlas_otel.models.config import Lane

if TYPE_CHECKING:
    from atlas_otel.models.adapter import AdapterCapabilities
    from atlas_otel.models.config import AdaptiveTeachingConfig, ProbeThresholds
    from atlas_otel.models.json_types import JsonObject, JsonValue

LANES: Final[tuple[Lane, ...]] = get_args(Lane)


@dataclass(frozen=True, slots=True)
class LaneRules:
    """What Atlas does in a lane."""

    plans: bool
    """A plan is made and reviewed; otherwise the task itself is the one step."""
    folds: bool
    """The plan is folded into one step."""
    validates: bool
    retries: bool


RULES: Final[dict[Lane, LaneRules]] = {
    "auto": LaneRules(plans=False, folds=False, validates=False, retries=False),
    "paired": LaneRules(plans=False, folds=False, validates=True, retries=True),
    "coach": LaneRules(plans=True, folds=True, validates=True, retries=True),
    "escalate": LaneRules(plans=True, folds=False, validates=True, retries=True),
}


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """What the capability probe said. ``mode`` None: it named none, or none that there is."""

    mode: Lane | None = None
    confidence: float | None = None
    raw: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class LaneDecision:
    """A lane and what led to it. ``mode`` None: undecided, for :func:`constrain` to decide."""

    mode: Lane | None
    source: str
    confidence: float | None = None
    probe: ProbeAnswer | None = None

    def to_json(self) -> JsonObject:
        """The ``adaptive_route`` event's output: ``{mode, confidence, reason, probe_*}``."""
        output: JsonObject = {"mode": self.mode, "confidence": self.confidence, "reason": self.source}
        if self.probe is not None:
            output["probe_mode"] = self.probe.mode
            output["probe_confidence"] = self.probe.confidence
            if self.probe.raw is not None:
                output["probe_raw"] = self.probe.raw
        return output

    def summary(self, earlier: list[JsonValue] | None = None) -> JsonObject:
        """``adaptive_summary`` in the session's metadata (contract §2)."""
        probe: JsonValue = None
        if self.probe is not None:
            probe = {"mode": self.probe.mode, "confidence": self.probe.confidence, "evidence": self.probe.raw}
        now: JsonObject = {"mode": self.mode, "confidence": self.confidence, "reason": self.source}
        return {
            "adaptive_mode": self.mode,
            "confidence": self.confidence,
            "probe": probe,
            "mode_history": [*(earlier or []), now],
        }


def needs_probe(config: AdaptiveTeachingConfig, *, override: Lane | None, history_count: int) -> bool:
    """Whether the decision turns on the probe."""
    return decide(config, override=override, history_count=history_count, probe=None).source in _WITHOUT_ANSWER


_WITHOUT_ANSWER: Final = ("probe_disabled", "probe_fallback")


def decide(
    config: AdaptiveTeachingConfig,
    *,
    override: Lane | None,
    history_count: int,
    probe: ProbeAnswer | None,
    probe_available: bool = True,
) -> LaneDecision:
    """The lane before capabilities constrain it.

    ``override`` is ``mode_override``, else the older ``forced_mode``; ``probe`` None: it was not asked, or failed.
    """
    if not config.enabled:
        return LaneDecision("escalate", "adaptive_disabled")
    if override is not None:
        return LaneDecision(override, "mode_override", confidence=1.0)
    if history_count == 0 and config.certify_first_run:
        return LaneDecision("paired", "no_learning_history")
    if probe is None:
        return LaneDecision(config.probe.fallback_mode, "probe_fallback" if probe_available else "probe_disabled")
    mode = probe.mode or lane_for(probe.confidence, config.probe.thresholds)
    return LaneDecision(mode or config.probe.fallback_mode, "capability_probe", probe.confidence, probe)


def lane_of(decision: LaneDecision) -> Lane:
    """The lane that is taken: a decision that was left open is ``paired``."""
    return decision.mode or "paired"


def rules_of(decision: LaneDecision) -> LaneRules:
    """What Atlas does in the lane that is taken."""
    return RULES[lane_of(decision)]


def lane_for(confidence: float | None, thresholds: ProbeThresholds) -> Lane | None:
    """The lane that a confidence (0 to 1) earns; None where there is none."""
    if confidence is None or confidence != confidence:
        return None
    if confidence >= thresholds.auto:
        return "auto"
    if confidence >= thresholds.paired:
        return "paired"
    return "coach" if confidence >= thresholds.coach else "escalate"


def constrain(decision: LaneDecision, capabilities: AdapterCapabilities) -> LaneDecision:
    """What the adapter can take part in: one that manages itself, not stepwise, is not taken through steps."""
    if capabilities.control_loop != "self" or capabilities.supports_stepwise:
        return decision
    if decision.mode in ("auto", "paired"):
        return decision
    return replace(decision, mode="paired", source=f"{decision.source}+adapter_capabilities")

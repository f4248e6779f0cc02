"""Every row of contract §5's two tables of lanes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_otel.models.adapter import AdapterCapabilities
from atlas_otel.models.config import AdaptiveTeachingConfig, ProbeConfig, ProbeThresholds
from atlas_otel.runtime.lanes import LANES, RULES, LaneDecision, ProbeAnswer, constrain, decide, lane_for

ON = AdaptiveTeachingConfig()
OFF = AdaptiveTeachingConfig(enabled=False)
COACHED = AdaptiveTeachingConfig(probe=ProbeConfig(fallback_mode="coach"))
UNCERTIFIED = AdaptiveTeachingConfig(certify_first_run=False)


@pytest.mark.parametrize(
    ("mode", "plans", "folds", "validates", "retries"),
    [
        ("auto", False, False, False, False),
        ("paired", False, False, True, True),
        ("coach", True, True, True, True),
        ("escalate", True, False, True, True),
    ],
)
def test_what_each_lane_does(mode, plans, folds, validates, retries):
    rules = RULES[mode]
    assert (rules.plans, rules.folds, rules.validates, rules.retries) == (plans, folds, validates, retries)


@pytest.mark.parametrize(
    ("config", "override", "count", "probe", "mode", "source"),
    [
        (OFF, "auto", 9, ProbeAnswer("auto", 0.9), "escalate", "adaptive_disabled"),
        (ON, "coach", 0, None, "coach", "mode_override"),
        (ON, "auto", 9, ProbeAnswer("coach", 0.1), "auto", "mode_override"),
        (ON, None, 0, ProbeAnswer("auto", 1.0), "paired", "no_learning_history"),
        (UNCERTIFIED, None, 0, ProbeAnswer("auto", 1.0), "auto", "capability_probe"),
        (ON, None, 1, ProbeAnswer("escalate", 0.99), "escalate", "capability_probe"),
        (ON, None, 1, ProbeAnswer(None, 0.85), "auto", "capability_probe"),
        (ON, None, 1, ProbeAnswer(None, 0.84), "paired", "capability_probe"),
        (ON, None, 1, ProbeAnswer(None, 0.65), "paired", "capability_probe"),
        (ON, None, 1, ProbeAnswer(None, 0.64), "coach", "capability_probe"),
        (ON, None, 1, ProbeAnswer(None, 0.35), "coach", "capability_probe"),
        (ON, None, 1, ProbeAnswer(None, 0.34), "escalate", "capability_probe"),
        (ON, None, 1, ProbeAnswer(None, None), "paired", "capability_probe"),
        (COACHED, None, 1, ProbeAnswer(None, float("nan")), "coach", "capability_probe"),
        (ON, None, 1, None, "paired", "probe_fallback"),
        (COACHED, None, 1, None, "coach", "probe_fallback"),
    ],
)
def test_the_decision(config, override, count, probe, mode, source):
    decision = decide(config, override=override, history_count=count, probe=probe)
    assert (decision.mode, decision.source) == (mode, source)


def test_a_probe_that_is_not_configured_is_named():
    decision = decide(ON, override=None, history_count=1, probe=None, probe_available=False)
    assert (decision.mode, decision.source) == ("paired", "probe_disabled")


@pytest.mark.parametrize(
    ("mode", "loop", "stepwise", "constrained"),
    [
        ("auto", "self", False, "auto"),
        ("paired", "self", False, "paired"),
        ("coach", "self", False, "paired"),
        ("escalate", "self", False, "paired"),
        (None, "self", False, "paired"),
        ("coach", "self", True, "coach"),
        ("escalate", "self", True, "escalate"),
        ("coach", "atlas", False, "coach"),
        ("escalate", "atlas", False, "escalate"),
    ],
)
def test_capabilities_constrain_the_lane(mode, loop, stepwise, constrained):
    before = LaneDecision(mode, "somewhere")
    after = constrain(before, AdapterCapabilities(control_loop=loop, supports_stepwise=stepwise))
    assert after.mode == constrained
    assert after.source == ("somewhere" if mode == constrained else "somewhere+adapter_capabilities")


@given(st.floats(0, 1), st.lists(st.floats(0, 1), min_size=3, max_size=3))
def test_more_confidence_never_earns_more_supervision(confidence, numbers):
    coach, paired, auto = sorted(numbers)
    thresholds = ProbeThresholds(auto=auto, paired=paired, coach=coach)
    lane, surer = lane_for(confidence, thresholds), lane_for(min(1.0, confidence + 0.1), thresholds)
    assert lane is not None
    assert surer is not None
    assert LANES.index(surer) <= LANES.index(lane)


def test_the_route_says_what_the_probe_said():
    decision = decide(ON, override=None, history_count=3, probe=ProbeAnswer(None, 0.7, {"why": "known"}))
    assert decision.to_json() == {
        "mode": "paired",
        "confidence": 0.7,
        "reason": "capability_probe",
        "probe_mode": None,
        "probe_confidence": 0.7,
        "probe_raw": {"why": "known"},
    }
    assert decision.summary()["mode_history"] == [{"mode": "paired", "confidence": 0.7, "reason": "capability_probe"}]

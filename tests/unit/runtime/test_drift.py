"""When a reward is unlike the earlier ones of its learning key."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_otel.models.config import DriftConfig
from atlas_otel.runtime.drift import assess, deviation

STEADY = [0.80, 0.82, 0.78, 0.81, 0.79]
CONFIG = DriftConfig()


def drift(score, *, scores=STEADY, uncertainty=None, uncertainties=(), config=CONFIG):
    return assess(
        config, score=score, uncertainty=uncertainty, scores=scores, uncertainties=uncertainties, learning_key="k"
    )


def test_a_score_like_the_others_raises_no_alert():
    found = drift(0.8)
    assert (found["alert"], found["reason"]) == (False, None)
    assert found["baseline"]["sample_count"] == 5
    assert found["baseline"]["score_mean"] == pytest.approx(0.8)


@pytest.mark.parametrize("score", [0.1, 1.0])
def test_a_score_unlike_the_others_raises_one_either_way(score):
    found = drift(score)
    assert (found["alert"], found["reason"]) == (True, "score_z")
    assert found["score_delta"] == pytest.approx(score - 0.8)


def test_one_wild_score_in_the_baseline_does_not_hide_drift():
    # The deviation is blown up by the outlier; the median's is not.
    found = drift(0.5, scores=[*STEADY, 0.80, 0.81, 0.79, 0.0])
    assert (found["alert"], found["reason"]) == (True, "score_mad_z")
    assert abs(found["score_z"]) < 3


def test_uncertainty_drifts_too():
    found = drift(0.8, uncertainty=0.9, uncertainties=[0.1, 0.12, 0.11, 0.1, 0.13])
    assert (found["alert"], found["reason"]) == (True, "uncertainty_z")


def test_too_small_a_baseline_raises_none():
    found = drift(0.0, scores=STEADY[:4])
    assert (found["alert"], found["reason"]) == (False, "insufficient_baseline")
    assert drift(0.0, scores=STEADY[:4], config=DriftConfig(min_baseline=4))["alert"] is True


def test_only_the_window_counts():
    found = drift(0.8, scores=[*STEADY, *[0.0] * 50], config=DriftConfig(window=5))
    assert found["baseline"]["sample_count"] == 5
    assert found["alert"] is False


def test_a_threshold_is_exceeded_strictly():
    scores = [0.0, 1.0, 0.0, 1.0, 0.0, 1.0]  # mean and deviation 0.5
    assert drift(2.0, scores=scores, config=DriftConfig(z_threshold=3.0))["score_z"] == pytest.approx(3.0)
    assert drift(2.0, scores=scores, config=DriftConfig(z_threshold=3.0))["alert"] is False
    assert drift(2.01, scores=scores, config=DriftConfig(z_threshold=3.0))["alert"] is True


def test_a_baseline_that_is_all_alike_says_nothing():
    found = deviation(0.2, [0.5, 0.5, 0.5])
    assert (found.z, found.mad_z) == (None, None)
    assert found.delta == pytest.approx(-0.3)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30), st.floats(0, 1))
def test_z_is_the_distance_in_deviations(baseline, value):
    found = deviation(value, baseline)
    spread = statistics.pstdev(baseline)
    if found.z is not None:
        assert found.z * spread == pytest.approx(value - statistics.fmean(baseline), abs=1e-9)

"""What samples come to, and when a larger model is asked."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_otel.runtime.judging import Sample, from_mapping, judged, must_arbitrate, placeholder

THRESHOLDS = {"variance_threshold": 0.15, "uncertainty_threshold": 0.3}


@pytest.mark.parametrize(
    ("samples", "arbitrate"),
    [
        ([(0.5, 0.1), (0.5, 0.1), (0.5, 0.1)], False),
        ([(0.35, 0.1), (0.65, 0.1)], False),  # the deviation is the threshold, not above it
        ([(0.34, 0.1), (0.66, 0.1)], True),
        ([(0.5, 0.3), (0.5, 0.3)], False),  # the uncertainty is the threshold, not above it
        ([(0.5, 0.31), (0.5, 0.1)], True),
        ([(0.5, 0.31)], True),
        ([(0.0, 0.1)], False),
        ([], False),
    ],
)
def test_a_larger_model_arbitrates_strictly_above_the_thresholds(samples, arbitrate):
    made = [Sample(score, uncertainty) for score, uncertainty in samples]
    assert must_arbitrate(made, **THRESHOLDS) is arbitrate


def test_a_judgement_is_the_mean_with_the_surest_words():
    made = judged(
        [
            Sample(0.6, 0.2, "unsure", temperature=0.2),
            Sample(0.8, 0.1, "sure", [{"name": "truth", "weight": 1.0}], "s", "t", 0.5),
        ],
        escalated=False,
    )
    assert made.score == pytest.approx(0.7)
    (judge,) = made.judges
    assert (made.rationale, judge["rationale"], judge["principles"]) == (
        "sure",
        "sure",
        [{"name": "truth", "weight": 1.0}],
    )
    assert (made.student_learning, made.teacher_learning) == ("s", "t")
    assert [sample["temperature"] for sample in judge["samples"]] == [0.2, 0.5]
    assert (judge["escalated"], judge["escalation_reason"]) == (False, None)


def test_an_arbitrated_judgement_says_why():
    (judge,) = judged([Sample(0.4, 0.1)], escalated=True).judges
    assert (judge["escalated"], judge["escalation_reason"]) == (True, "tier1_variance_or_uncertainty")


def test_no_judge_at_all_is_a_marked_zero():
    made = judged([], escalated=False, errors=["TimeoutError: late"])
    assert made.failed
    assert made.score == 0.0
    assert made.judges[0]["samples"][0]["uncertainty"] == 1.0
    assert made.raw == {"score": 0.0, "failed": True, "errors": ["TimeoutError: late"]}


def test_a_function_answers_a_number_or_a_mapping():
    assert from_mapping(0.5, "mine").score == 0.5
    made = from_mapping({"score": 0.25, "rationale": "thin", "student_learning": "cite", "extra": [1]}, "mine")
    assert (made.judges[0]["identifier"], made.judges[0]["rationale"]) == ("mine", "thin")
    assert made.student_learning == "cite"
    assert made.raw["extra"] == [1]
    own = from_mapping({"score": 1, "judges": [{"identifier": "a", "score": 1.0}]}, "mine")
    assert own.judges == [{"identifier": "a", "score": 1.0}]


@pytest.mark.parametrize("answer", [None, "good", {}, {"score": "high"}, {"score": float("nan")}, [1], math.inf, True])
def test_nonsense_is_no_judgement(answer):
    with pytest.raises(ValueError, match="expected"):
        from_mapping(answer, "mine")


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=6))
def test_a_score_lies_within_its_samples(pairs):
    made = judged([Sample(score, uncertainty) for score, uncertainty in pairs], escalated=False)
    scores = [score for score, _ in pairs]
    assert min(scores) - 1e-12 <= made.score <= max(scores) + 1e-12


def test_a_placeholder_says_that_it_is_one():
    assert placeholder("deferred") == {"score": 0.0, "judges": [], "rationale": None, "raw": {"skipped": "deferred"}}

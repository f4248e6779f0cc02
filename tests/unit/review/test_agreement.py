"""Kappas, beside the values that scikit-learn and statsmodels give for the same ratings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_otel.review.agreement import cohen_kappa, fleiss_kappa, observed, pairs_of

RATINGS = st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=5), max_size=20)


def test_cohen_is_what_scikit_learn_says() -> None:
    ours, theirs = [1, 2, 3, 3, 2, 1, 1, 2, 3, 2, 1, 1], [1, 2, 3, 2, 2, 1, 3, 2, 3, 1, 1, 2]
    # sklearn.metrics.cohen_kappa_score(ours, theirs)
    assert cohen_kappa(list(zip(ours, theirs, strict=True))) == pytest.approx(0.49473684210526314)


def test_fleiss_is_what_statsmodels_says() -> None:
    rated = [[1, 1, 1, 2], [2, 2, 2, 2], [3, 3, 1, 3], [1, 2, 3, 1], [2, 2, 1, 2], [3, 3, 3, 3], [1, 1, 2, 1]]
    # statsmodels.stats.inter_rater.fleiss_kappa(aggregate_raters(rated)[0])
    assert fleiss_kappa(rated) == pytest.approx(0.38974358974358964)
    counts = [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]  # fmt: skip
    wide = [[place for place, count in enumerate(row) for _ in range(count)] for row in counts]
    assert fleiss_kappa(wide) == pytest.approx(0.20993070442195522)


def test_what_is_not_defined_is_none() -> None:
    assert cohen_kappa([]) is None
    assert cohen_kappa([("a", "a"), ("a", "a")]) is None
    assert fleiss_kappa([["a"], ["b"]]) is None
    assert fleiss_kappa([["a", "a"], ["a", "a", "a"]]) is None
    assert observed([["a"]]) is None


@given(RATINGS)
def test_kappas_lie_where_they_may_and_no_order_changes_them(rated: list[list[str]]) -> None:
    kappa = fleiss_kappa(rated)
    backwards = fleiss_kappa([one[::-1] for one in rated[::-1]])
    assert kappa == (backwards if kappa is None else pytest.approx(backwards))
    if kappa is not None:
        assert -1.0 - 1e-9 <= kappa <= 1.0 + 1e-9


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), max_size=30))
def test_two_reviewers_are_the_same_two_either_way(pairs: list[tuple[str, str]]) -> None:
    kappa = cohen_kappa(pairs)
    other = cohen_kappa([(b, a) for a, b in pairs])
    assert kappa == (other if kappa is None else pytest.approx(other))
    ratings = {number: {"ada": a, "bo": b} for number, (a, b) in enumerate(pairs)}
    assert [one.kappa for one in pairs_of(ratings)] == ([kappa] if pairs else [])


@given(st.lists(st.sampled_from("abc"), min_size=2, max_size=10))
def test_who_agrees_in_all_has_one(ratings: list[str]) -> None:
    if len(set(ratings)) > 1:
        assert cohen_kappa([(one, one) for one in ratings]) == pytest.approx(1.0)
        assert fleiss_kappa([[one] * 3 for one in ratings]) == pytest.approx(1.0)

"""The runtime's own metadata without content: all of its words and numbers pass, and nothing that is not one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_otel import semconv
from atlas_otel.capture.privacy import event_skeleton
from atlas_otel.events.runtime_metadata import FORM, RUNTIME, runtime_metadata
from atlas_otel.models.adapter import AdapterCapabilities
from atlas_otel.models.config import AdaptiveTeachingConfig, DriftConfig, ReviewConfig
from atlas_otel.runtime import drift, lanes, review

STAMP = re.compile(r"\d{4}-\d\d-\d\dT[\d:.+Z-]+")


def _pieces(form: Any) -> Iterator[Any]:
    """The names and the predicates that stand in a form."""
    if isinstance(form, tuple):
        yield from _pieces(form[0])
    elif callable(form):
        yield form
    else:
        for key, inner in form.items():
            yield key
            yield from _pieces(inner)


NAMES = {piece for piece in _pieces(FORM) if isinstance(piece, str)}
FORMS = [piece for piece in _pieces(FORM) if not isinstance(piece, str)]
_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.just("paired")
_KEYS = st.sampled_from(sorted(NAMES)) | st.text(max_size=4)


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4)


_TREES = st.dictionaries(_KEYS, st.recursive(_LEAVES, _nested, max_leaves=8), max_size=6)


def _strings(tree: object) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict):
        for key, value in tree.items():
            yield key
            yield from _strings(value)
    elif isinstance(tree, list):
        for item in tree:
            yield from _strings(item)


@given(_TREES)
def test_only_known_keys_and_words_pass(tree: dict[str, Any]) -> None:
    kept = runtime_metadata(tree)
    assert all(word in NAMES or any(form(word) for form in FORMS) for word in _strings(kept)), kept
    assert runtime_metadata(kept) == kept


@pytest.mark.parametrize(
    "text", ["Paired", "paired ", "a secret", "4111111111111111", "secret", "a_secret", "Reward drift alert (x)."]
)
def test_no_form_takes_a_text_that_is_not_of_its_own(text: str) -> None:
    assert not any(form(text) for form in FORMS)


@given(_TREES)
def test_of_a_callers_metadata_nothing_passes(tree: dict[str, Any]) -> None:
    assert event_skeleton(semconv.EVENT_METADATA, {"metadata": tree}) == {}
    once = event_skeleton(semconv.EVENT_METADATA, {"metadata": tree, "source": RUNTIME})
    assert event_skeleton(semconv.EVENT_METADATA, once) == once


def test_every_decision_passes_but_for_the_evidence() -> None:
    asleep = AdapterCapabilities(control_loop="self", supports_stepwise=False)
    answer = lanes.ProbeAnswer("coach", 0.5, {"evidence": "text"})
    reasons = set()
    for enabled, override, count, probe, there in product(
        (True, False), (None, "auto"), (0, 1), (None, answer), (True, False)
    ):
        config = AdaptiveTeachingConfig(enabled=enabled)
        made = lanes.decide(config, override=override, history_count=count, probe=probe, probe_available=there)  # type: ignore[arg-type]
        for decision in (made, lanes.constrain(made, asleep)):
            summary: Any = decision.summary()
            if summary["probe"] is not None:
                del summary["probe"]["evidence"]
            else:
                del summary["probe"]
            assert runtime_metadata({"adaptive_summary": summary}) == {"adaptive_summary": summary}
            reasons.add(decision.source)
    assert len(reasons) >= 8, reasons


def test_drift_and_review_pass() -> None:
    seen = drift.assess(
        DriftConfig(), score=0.1, uncertainty=0.9, scores=[0.8, 0.9] * 4, uncertainties=[0.1, 0.2] * 4, learning_key="k"
    )
    assert seen["alert"] is True
    kept = runtime_metadata({"drift": seen, "drift_alert": True})
    assert kept["drift"] == {key: value for key, value in seen.items() if key != "learning_key"}
    for required, failed, alert in product((True, False), (True, False), (None, "score_z", "uncertainty_mad_z")):
        status, notes = review.first_review(required=required, failed=failed, drift=alert)
        said: Any = {"review_status": status, "review": review.review_block(ReviewConfig(), required=required)}
        said |= {"review_notes": notes} if notes is not None else {}
        assert runtime_metadata(said) == said

"""How a session's review begins, and what earlier sessions come to."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from atlas_otel.models.config import ReviewConfig
from atlas_otel.runtime.history import NOTE_LENGTH, EarlierSession, summarize
from atlas_otel.runtime.review import AUTO_APPROVED, approval_required, first_review, review_block


@pytest.mark.parametrize(
    ("said", "configured", "required"),
    [
        (None, True, True),
        (None, False, False),
        ("0", True, False),
        ("false", True, False),
        ("OFF", True, False),
        ("1", False, True),
        ("", False, False),
    ],
)
def test_the_environment_overrides_the_config(said, configured, required):
    environ = {} if said is None else {"ATLAS_REVIEW_REQUIRE_APPROVAL": said}
    assert approval_required(ReviewConfig(require_approval=configured), environ) is required


@pytest.mark.parametrize(
    ("required", "failed", "drift", "status", "notes"),
    [
        (True, False, None, "pending", None),
        (False, False, None, "approved", AUTO_APPROVED),
        (False, True, None, "pending", None),
        (False, False, "score_z", "pending", "Reward drift alert (score_z)."),
        (True, True, "score_z", "pending", "Reward drift alert (score_z)."),
    ],
)
def test_how_a_review_begins(required, failed, drift, status, notes):
    assert first_review(required=required, failed=failed, drift=drift) == (status, notes)


@pytest.mark.parametrize(("statuses", "everything"), [(["approved"], False), (["*"], True), (["all"], True)])
def test_the_review_block(statuses, everything):
    assert review_block(ReviewConfig(default_export_statuses=statuses), required=True) == {
        "require_approval": True,
        "default_export_statuses": statuses,
        "include_all_statuses": everything,
    }


def earlier(score, note=None):
    at = datetime(2025, 10, 1, tzinfo=timezone.utc)
    return EarlierSession(score, 0.1, note, None, "paired", at, at)


def test_history_shows_the_newest_oldest_first():
    history = summarize([earlier(0.9), earlier(0.85), earlier(0.2), earlier(None)], limit=3)
    assert (history["count"], history["total_count"]) == (3, 4)
    assert [entry["score"] for entry in history["entries"]] == [0.2, 0.85, 0.9]
    assert history["average_score"] == pytest.approx(0.65)
    assert (history["recent_high_score_streak"], history["recent_low_score_streak"]) == (2, 0)


def test_no_history():
    assert summarize([], limit=10) == {
        "count": 0,
        "total_count": 0,
        "entries": [],
        "limit": 10,
        "recent_high_score_streak": 0,
        "recent_low_score_streak": 0,
    }


def test_long_notes_are_shortened():
    (entry,) = summarize([earlier(1.0, "x" * 1000)], limit=1)["entries"]
    assert len(entry["student_learning"]) == NOTE_LENGTH

"""Which review statuses are exported: contract §4, case by case."""

from __future__ import annotations

from datetime import datetime

import pytest

from atlas_otel.errors import ConfigError, UsageError
from atlas_otel_exporters.selection import ReviewSettings, Selection, review_statuses

LIST = "ATLAS_REVIEW_DEFAULT_EXPORT_STATUSES"
REQUIRED = "ATLAS_REVIEW_REQUIRE_APPROVAL"


@pytest.mark.parametrize(
    ("env", "settings", "include", "expected"),
    [
        ({}, ReviewSettings(), [], {"approved"}),
        ({}, ReviewSettings(), ["Pending", "approved"], {"approved", "pending"}),
        ({LIST: " Pending , quarantined,"}, ReviewSettings(), [], {"pending", "quarantined"}),
        ({LIST: "pending"}, ReviewSettings(default_export_statuses=("approved",)), [], {"pending"}),
        ({LIST: " , "}, ReviewSettings(default_export_statuses=("pending",)), [], {"pending"}),
        ({LIST: "approved,*"}, ReviewSettings(), [], None),
        ({LIST: "ALL"}, ReviewSettings(), ["pending"], None),
        ({}, ReviewSettings(default_export_statuses=("*",)), [], None),
        ({}, ReviewSettings(default_export_statuses=("quarantined",)), ["pending"], {"quarantined", "pending"}),
        ({}, ReviewSettings(default_export_statuses=()), [], {"approved"}),
        ({REQUIRED: "0"}, ReviewSettings(), [], {"approved", "pending"}),
        ({REQUIRED: " OFF "}, ReviewSettings(), [], {"approved", "pending"}),
        ({REQUIRED: "false"}, ReviewSettings(require_approval=True), [], {"approved", "pending"}),
        ({REQUIRED: "no"}, ReviewSettings(require_approval=False), [], {"approved"}),
        ({REQUIRED: ""}, ReviewSettings(require_approval=False), [], {"approved", "pending"}),
        ({}, ReviewSettings(require_approval=False), [], {"approved", "pending"}),
        # A stated list is the list, whether approval is required or not.
        ({REQUIRED: "0"}, ReviewSettings(default_export_statuses=("approved",)), [], {"approved"}),
        ({REQUIRED: "0", LIST: "quarantined"}, ReviewSettings(), [], {"quarantined"}),
    ],
)
def test_default_and_included_statuses(
    env: dict[str, str], settings: ReviewSettings, include: list[str], expected: set[str] | None
) -> None:
    found = review_statuses(include=include, settings=settings, env=env)
    assert found == (None if expected is None else frozenset(expected))


def test_all_statuses_beat_everything() -> None:
    assert review_statuses(include=["approved"], include_all=True, env={LIST: "pending"}) is None


def test_settings_are_read_from_a_parsed_config() -> None:
    config = {"runtime_safety": {"review": {"require_approval": False, "default_export_statuses": ["pending"]}}}
    assert ReviewSettings.from_config(config, source="x") == ReviewSettings(False, ("pending",))
    for empty in (None, {}, {"runtime_safety": None}, {"runtime_safety": {"drift": {}}}):
        assert ReviewSettings.from_config(empty, source="x") == ReviewSettings()


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ([], "the file"),
        ({"runtime_safety": 3}, "runtime_safety"),
        ({"runtime_safety": {"review": "yes"}}, "runtime_safety.review"),
        ({"runtime_safety": {"review": {"require_approval": "no"}}}, "review.require_approval"),
        ({"runtime_safety": {"review": {"default_export_statuses": "all"}}}, "review.default_export_statuses"),
        ({"runtime_safety": {"review": {"default_export_statuses": [1]}}}, "review.default_export_statuses"),
    ],
)
def test_a_wrong_config_is_refused_with_file_and_key(config: object, named: str) -> None:
    with pytest.raises(ConfigError, match=rf"atlas\.yaml: .*{named}"):
        ReviewSettings.from_config(config, source="atlas.yaml")


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": -1},
        {"offset": -1},
        {"min_reward": float("nan")},
        {"min_reward": float("inf")},
        {"since": datetime(2025, 1, 1)},
        {"until": datetime(2025, 1, 1)},
    ],
)
def test_a_selection_that_cannot_be_meant_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Selection(**wrong)  # type: ignore[arg-type]

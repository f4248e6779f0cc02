"""Whether a session has to be looked at by a person before it is exported. Pure (contract §4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_otel.models.config import ReviewConfig
    from atlas_otel.models.json_types import JsonObject
    from atlas_otel.models.rows import ReviewStatus

ENV_REQUIRE_APPROVAL: Final = "ATLAS_REVIEW_REQUIRE_APPROVAL"
AUTO_APPROVED: Final = "Auto-approved (review gating disabled)."


class Review(NamedTuple):
    """What a session's review begins with."""

    status: ReviewStatus
    notes: str | None


def approval_required(config: ReviewConfig, environ: Mapping[str, str]) -> bool:
    """The environment's word, else the config's."""
    said = environ.get(ENV_REQUIRE_APPROVAL)
    if said is None or not said.strip():
        return config.require_approval
    return said.strip().lower() not in ("0", "false", "off", "no")


def first_review(*, required: bool, failed: bool, drift: str | None) -> Review:
    """``pending``, unless approval is not required, the session did not fail, and no drift alert was raised.

    ``drift`` is what raised the alert: a measure's name.
    """
    if drift is not None:
        return Review("pending", f"Reward drift alert ({drift}).")
    if required or failed:
        return Review("pending", None)
    return Review("approved", AUTO_APPROVED)


def review_block(config: ReviewConfig, *, required: bool) -> JsonObject:
    """``review`` in the session's metadata (contract §2)."""
    statuses = list(config.default_export_statuses)
    return {
        "require_approval": required,
        "default_export_statuses": list(statuses),
        "include_all_statuses": any(status in ("*", "all") for status in statuses),
    }

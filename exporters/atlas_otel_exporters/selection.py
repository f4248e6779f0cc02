"""Which sessions are exported: what a caller asks for, and which review statuses that means (contract §4). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from atlas_otel.errors import ConfigError, UsageError
from atlas_otel.models.evaluation import finite

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

ENV_DEFAULT_STATUSES: Final = "ATLAS_REVIEW_DEFAULT_EXPORT_STATUSES"
ENV_REQUIRE_APPROVAL: Final = "ATLAS_REVIEW_REQUIRE_APPROVAL"
APPROVED: Final = "approved"
PENDING: Final = "pending"
_EVERY_ONE: Final = frozenset({"*", "all"})
_OFF: Final = frozenset({"0", "false", "off"})


@dataclass(frozen=True, slots=True)
class ReviewSettings:
    """``runtime_safety.review`` of a config file; None where the file does not state it."""

    require_approval: bool | None = None
    default_export_statuses: tuple[str, ...] | None = None

    @classmethod
    def from_config(cls, config: object, *, source: str) -> ReviewSettings:
        """The settings that a parsed config file holds. Raises ConfigError, naming ``source`` and the key."""
        review = config
        path = ""
        for key in ("runtime_safety", "review"):
            if review is None:
                break
            if not isinstance(review, dict):
                raise ConfigError(f"{source}: {path or 'the file'} has to be a mapping of keys to values")
            review, path = review.get(key), f"{path}.{key}".lstrip(".")
        if review is None:
            return cls()
        if not isinstance(review, dict):
            raise ConfigError(f"{source}: {path} has to be a mapping of keys to values")
        require = review.get("require_approval")
        if require is not None and not isinstance(require, bool):
            raise ConfigError(f"{source}: {path}.require_approval has to be true or false")
        statuses = review.get("default_export_statuses")
        if statuses is not None and not (
            isinstance(statuses, list) and all(isinstance(status, str) for status in statuses)
        ):
            raise ConfigError(f"{source}: {path}.default_export_statuses has to be a list of review statuses")
        return cls(require, None if statuses is None else tuple(statuses))


def review_statuses(
    *,
    include: Iterable[str] = (),
    include_all: bool = False,
    settings: ReviewSettings | None = None,
    env: Mapping[str, str] | None = None,
) -> frozenset[str] | None:
    """The review statuses to export, in lower case; None means every one.

    The environment counts over the config file, for the default list and for whether approval is required.
    """
    if include_all:
        return None
    settings = settings or ReviewSettings()
    env = env or {}
    stated = _statuses(env.get(ENV_DEFAULT_STATUSES, "").split(",")) or _statuses(
        settings.default_export_statuses or ()
    )
    if not stated:
        stated = {APPROVED} if _approval_required(settings, env) else {APPROVED, PENDING}
    wanted = stated | _statuses(include)
    return None if wanted & _EVERY_ONE else frozenset(wanted)


def _approval_required(settings: ReviewSettings, env: Mapping[str, str]) -> bool:
    stated = env.get(ENV_REQUIRE_APPROVAL)
    if stated is not None and stated.strip():
        return stated.strip().lower() not in _OFF
    return settings.require_approval is not False


def _statuses(names: Iterable[str]) -> set[str]:
    return {name.strip().lower() for name in names if name.strip()}


@dataclass(frozen=True, slots=True)
class Selection:
    """What a caller asks for; None and empty mean no filter.

    ``session_ids`` are ``sessions.id`` values or the keys of sessions that atlas-otel recorded. ``limit`` and
    ``offset`` count sessions that pass all filters. ``since`` and ``until`` are about ``sessions.created_at``: from
    the first on, and before the second. Sessions without a reward fail any ``min_reward``.
    """

    session_ids: tuple[int | str, ...] = ()
    statuses: tuple[str, ...] = ()
    review_statuses: frozenset[str] | None = frozenset({APPROVED})
    since: datetime | None = None
    until: datetime | None = None
    min_reward: float | None = None
    learning_key: str | None = None
    limit: int | None = None
    offset: int = 0
    newest_first: bool = False

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 0:
            raise UsageError(f"limit is {self.limit}; it counts sessions and cannot be negative")
        if self.offset < 0:
            raise UsageError(f"offset is {self.offset}; it counts sessions and cannot be negative")
        if self.min_reward is not None and finite(self.min_reward) is None:
            raise UsageError(f"min_reward is {self.min_reward}; it has to be a finite number")
        for name in ("since", "until"):
            moment = getattr(self, name)
            if moment is not None and moment.tzinfo is None:
                raise UsageError(f"{name} has no time zone; say which one is meant")

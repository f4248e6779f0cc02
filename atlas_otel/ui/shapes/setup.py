"""Who asks, and what the server is set up for."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from atlas_otel.ui.shapes.base import Answer

Role = Literal["view", "review", "admin"]


class Criterion(Answer):
    """One criterion of the rubric. ``labels`` name the points of its scale, from ``min`` up, where they have names."""

    name: str
    description: str
    per: Literal["session", "step"]
    min: float
    max: float
    step: float
    labels: list[str]


class Rubric(Answer):
    """What reviewers score, and how many verdicts a session needs."""

    verdicts: int
    criteria: list[Criterion]


class Me(Answer):
    """Who asks. ``csrf_token`` goes into the header ``X-Atlas-CSRF`` of every write."""

    user: str
    role: Role
    csrf_token: str


class Setup(Answer):
    """What the page has to know of the server."""

    version: str
    database: str = Field(description="Without its password.", examples=["localhost:5432/atlas"])
    jaeger_url: str | None
    rubric: Rubric
    reserve_minutes: int
    datasets: bool = Field(description="Whether datasets can be built here.")
    formats: list[str]
    poll_seconds: float
    max_payload_bytes: int
    low_reward: float
    disagreement: float


class Health(Answer):
    """Whether the database answers."""

    database: Literal["ready", "away"]

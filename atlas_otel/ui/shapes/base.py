"""What all shapes share, and the answer to what cannot be done."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

Revision = Annotated[str, Field(pattern=r"^c\d{1,19}-r\d{1,19}$", examples=["c1742-r18"])]
"""What a session's content and its review were: the last change of either. Also the answer's ETag."""
SessionName = Annotated[str, Field(min_length=1, max_length=128, examples=["412"])]
"""A session's number, its key or a unique beginning of it, or the id of its trace or of one of its spans."""
Json = JsonValue
"""Any JSON."""


class Asked(BaseModel):
    """What a request holds: closed, and read strictly enough that nothing is guessed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """What an answer holds: closed, and always whole."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_serialization_defaults_required=True)


Code = Literal[
    "bad_request",
    "unauthenticated",
    "forbidden",
    "wrong_host",
    "wrong_origin",
    "wrong_csrf_token",
    "not_found",
    "method_not_allowed",
    "conflict",
    "reserved",
    "too_large",
    "unsupported_media_type",
    "database_away",
    "failed",
]


class Change(Answer):
    """One thing that somebody, or the recorded program, changed since the revision that a request was made on."""

    at: datetime | None
    by: str | None = Field(description="Who; null where the session's own records changed.")
    what: str = Field(examples=["approved", "the session's records changed"])


class Problem(Answer):
    """Why a request was not done. ``message`` is one line for a person."""

    code: Code
    message: str
    retry_after_s: int | None = Field(default=None, description="When to ask again; with database_away and reserved.")
    revision: Revision | None = Field(default=None, description="With conflict: what the session is at now.")
    changes: list[Change] = Field(default=[], description="With conflict: what changed meanwhile.")

"""One thing that a reviewer did. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

Verdict: TypeAlias = Literal["approved", "quarantined", "pending"]
Kind: TypeAlias = Literal[
    "verdict", "score", "note", "tag", "untag", "correction", "exclude", "include", "assign", "undo"
]
Via: TypeAlias = Literal["page", "command", "assistant", "database"]
VERDICTS: Final[tuple[Verdict, ...]] = get_args(Verdict)


class Act(NamedTuple):
    """What a reviewer does, before it is stored.

    ``text`` is the note, the tag, the corrected answer, why a call is excluded, or to whom the session is assigned
    (None: to nobody). ``final``: the verdict settles the session whatever others said. ``undoes`` is an event's id.
    """

    kind: Kind
    verdict: Verdict | None = None
    final: bool = False
    criterion: str | None = None
    score: float | None = None
    step_id: int | None = None
    span_id: str | None = None
    text: str | None = None
    undoes: int | None = None


class ReviewEvent(NamedTuple):
    """An act as it is stored: by whom, when, and on which revision of the session.

    ``revision`` is the ``changed_revision`` that the reviewer saw; 0 for a session that another program wrote.
    ``needed`` is how many verdicts the rubric asked for then.
    """

    id: int
    session_id: int
    at: datetime
    reviewer: str
    via: Via
    revision: int
    kind: Kind
    verdict: Verdict | None
    final: bool
    needed: int
    criterion: str | None
    score: float | None
    step_id: int | None
    span_id: str | None
    text: str | None
    undoes: int | None


class TrainingMarks(NamedTuple):
    """What reviewers said about a session's model calls, by span id: better answers, and calls that stay out."""

    corrections: Mapping[str, str]
    excluded: frozenset[str]


NO_MARKS: Final = TrainingMarks({}, frozenset())
"""Of a session of which nobody said anything."""

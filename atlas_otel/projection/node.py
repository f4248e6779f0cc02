"""A span in its place: what the projection derives from the span and from what stands around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from atlas_otel import semconv
from atlas_otel.projection.facts import Failure
from atlas_otel.records.record import RANK_REAPED

if TYPE_CHECKING:
    from atlas_otel.models.json_types import JsonObject
    from atlas_otel.models.plan import StepAttempt
    from atlas_otel.projection.facts import Facts
    from atlas_otel.projection.tree import SpanKey
    from atlas_otel.records.record import SpanRecord
    from atlas_otel.semconv import Kind

Owner: TypeAlias = "SpanKey | StepAttempt | None"
"""Whose content a span is: the attempt with this span, the attempt that the span was stamped with (where the tree does
not lead to its span), or the session itself."""

_UNFINISHED_BY_ITS_PROCESS: Final = "the process that ran it ended before it did"
_UNFINISHED: Final = {semconv.UNFINISHED_CLOSED: "its coroutine was closed before it ended"}


class Node(NamedTuple):
    """One span, with its facts and its place.

    ``role`` is what the span is in this session: its ``kind``, save that a session inside the session is an agent,
    and that in a session of another instrumentation the outermost span is the session and agents below it are steps.
    ``depth`` counts the ancestors between the span and its owner. ``actor`` is on whose behalf the span, or the nearest
    around it that says so, works (``atlas.actor``); None: the agent's own.
    """

    span: SpanRecord
    facts: Facts
    role: Kind
    owner: Owner
    parent: SpanKey | None
    depth: int
    actor: str | None = None

    @property
    def seen_again(self) -> bool:
        """Whether this is a model call that another span in this session is already."""
        return self.facts.kind == "llm" and self.role == "function"

    @property
    def uuid(self) -> str:
        """The UUID of the span's intermediate step."""
        return self.facts.pushed_uuid or self.span.span_id

    @property
    def unfinished(self) -> str | None:
        """Why the span has no end of its own (``abandoned``, ``closed``); None while it runs and where it ended."""
        if self.facts.unfinished is not None or self.span.rank != RANK_REAPED:
            return self.facts.unfinished
        return semconv.UNFINISHED_ABANDONED

    @property
    def failure(self) -> Failure | None:
        """How the span went wrong: its error, or that its process died; None where it did not (yet)."""
        if self.facts.error is not None:
            return self.facts.error
        reason = self.unfinished
        return None if reason is None else Failure(reason, _UNFINISHED.get(reason, _UNFINISHED_BY_ITS_PROCESS))

    @property
    def status(self) -> str:
        """``running``, ``succeeded`` or ``failed``."""
        if self.failure is not None:
            return "failed"
        return "succeeded" if self.span.ended else "running"

    @property
    def error_text(self) -> str:
        """``Type: message``; empty where nothing went wrong."""
        failure = self.failure
        if failure is None:
            return ""
        return f"{failure.type}: {failure.message}" if failure.message else failure.type

    @property
    def error_json(self) -> JsonObject | None:
        """``{type, message}``; None where nothing went wrong."""
        failure = self.failure
        return None if failure is None else {"type": failure.type, "message": failure.message}

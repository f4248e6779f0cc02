"""What each note is about: the session, an attempt at a step, or one span."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from atlas_otel import semconv
from atlas_otel.events.guidance import GuidanceNote
from atlas_otel.events.metadata import MetadataNote
from atlas_otel.events.note import NoteTarget
from atlas_otel.events.reward import RewardNote
from atlas_otel.models.plan import StepAttempt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from atlas_otel.events.note import TargetedNote
    from atlas_otel.models.json_types import JsonObject
    from atlas_otel.projection.node import Node
    from atlas_otel.projection.span_placer import SpanPlacer
    from atlas_otel.projection.tree import SpanKey


@dataclass(slots=True)
class ResolvedNotes:
    """The notes of a session by what they are about, each list in order of time."""

    session: list[TargetedNote] = field(default_factory=list)
    attempts: dict[StepAttempt, list[TargetedNote]] = field(default_factory=dict)
    spans: dict[StepAttempt | None, list[JsonObject]] = field(default_factory=dict)
    """Rewards of single spans, by the attempt that the span stands in."""
    unplaced: list[TargetedNote] = field(default_factory=list)
    """Notes on a step that has not run, or on a span that is not here."""
    guidance: list[GuidanceNote] = field(default_factory=list)

    @property
    def judgements(self) -> list[TargetedNote]:
        """What was said of the session, except its metadata."""
        return [note for note in self.session if not isinstance(note, MetadataNote)]


class TargetResolver:
    """Resolves targets against the spans as they are now."""

    def __init__(
        self, placer: SpanPlacer, attempt_of: Callable[[SpanKey], StepAttempt | None], latest: Mapping[int, int]
    ) -> None:
        self._placer = placer
        self._attempt_of = attempt_of
        self._latest = latest

    def resolve(self, notes: Iterable[tuple[SpanKey, TargetedNote]]) -> ResolvedNotes:
        """Give each note, which comes with the span it was reported on, to what it is about."""
        found = ResolvedNotes()
        heard: set[tuple[int | None, str]] = set()
        for key, note in sorted(notes, key=_reported_first):
            if isinstance(note, GuidanceNote):
                attempt = self._attempt(key, note.target)
                said = (attempt.step if attempt is not None else None, note.note)
                if note.repeated and said in heard:
                    continue
                heard.add(said)
                found.guidance.append(note)
            if isinstance(note, MetadataNote) and note.target == NoteTarget():
                found.session.append(note)
            else:
                self._give(key, note, found)
        return found

    def _give(self, key: SpanKey, note: TargetedNote, found: ResolvedNotes) -> None:
        target = note.target
        if target.session:
            found.session.append(note)
        elif target.span_id is not None:
            self._give_to_span(self._placer.tree.find(target.span_id), note, found)
        elif target == NoteTarget() and (linked := self._linked(key)) is not None:
            self._give_to_span(self._placer.tree.find(linked), note, found)
        else:
            attempt = self._attempt(key, target)
            if attempt is not None:
                found.attempts.setdefault(attempt, []).append(note)
            elif target.step is not None:
                found.unplaced.append(note)
            else:
                found.session.append(note)

    def _attempt(self, key: SpanKey, target: NoteTarget) -> StepAttempt | None:
        """The attempt that is meant: of a step without an attempt, the one that the reporter stood in, else the
        latest."""
        inside = self._attempt_of(key)
        step = target.step if target.step is not None else (inside.step if inside is not None else None)
        if step is None or step not in self._latest:
            return None
        if target.attempt is not None:
            return StepAttempt(step, target.attempt) if target.attempt <= self._latest[step] else None
        return inside if inside is not None and inside.step == step else StepAttempt(step, self._latest[step])

    def _linked(self, key: SpanKey) -> str | None:
        """A late reward is a span of its own, linked to what it is about."""
        node = self._placer.nodes.get(key)
        if node is None or node.role != "reward":
            return None
        named = node.span.attributes.get(semconv.ATLAS_TARGET_SPAN_ID)
        if isinstance(named, str):
            return named
        return node.span.links[0].span_id if node.span.links else None

    def _give_to_span(self, key: SpanKey | None, note: TargetedNote, found: ResolvedNotes) -> None:
        node = self._placer.nodes.get(key) if key is not None else None
        if node is None or key is None:
            found.unplaced.append(note)
            return
        attempt = self._attempt_of(key)
        if key == self._placer.root:
            found.session.append(note)
        elif attempt is not None and (_is_turn(node) or not isinstance(note, RewardNote)):
            found.attempts.setdefault(attempt, []).append(note)
        elif isinstance(note, RewardNote):
            found.spans.setdefault(attempt, []).append({"span_id": node.span.span_id, **note.reward.to_json()})
        else:
            found.session.append(note)


def _reported_first(pair: tuple[SpanKey, TargetedNote]) -> tuple[bool, tuple[int, str], SpanKey]:
    key, note = pair
    return (isinstance(note, GuidanceNote) and note.repeated, note.order, key)


def _is_turn(node: Node) -> bool:
    """Whether a span is its step, or the same agent's turn once more."""
    return node.role == "step" or (node.role == "function" and node.facts.kind == "agent")

"""The notes of a session by the span they were reported on, read again where an event came or a span changed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from atlas_otel.events.adapter_event import AdapterNote
from atlas_otel.events.catalogue import read_note
from atlas_otel.events.guidance import GuidanceNote
from atlas_otel.events.intermediate_step import PushedNote
from atlas_otel.events.note import NoteTarget, TargetedNote
from atlas_otel.events.plan import PlanNote
from atlas_otel.events.reward import RewardNote
from atlas_otel.models.plan import Plan
from atlas_otel.projection.dialects import atlas
from atlas_otel.projection.results import task_input
from atlas_otel.records.packing import packed_events
from atlas_otel.records.record import RANK_ENDED_OTLP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlas_otel.events.note import Note
    from atlas_otel.projection.facts import Facts
    from atlas_otel.projection.tree import SpanKey
    from atlas_otel.records.record import EventRecord, SpanRecord


class NoteIndex:
    """All notes, and those that the session's rows need at hand."""

    def __init__(self) -> None:
        self._events: dict[SpanKey, dict[int, EventRecord]] = {}
        self._notes: dict[SpanKey, list[Note]] = {}
        self._about: dict[SpanKey, list[TargetedNote]] = {}
        self._plans: dict[SpanKey, PlanNote] = {}
        self._anomalies: dict[SpanKey, Counter[str]] = {}
        self.last_ns = 0
        """When the last event was reported, in Unix nanoseconds."""

    def put(self, event: EventRecord) -> SpanKey:
        """Add an event, or put a better record of it in its place; the span that it is on."""
        key = (event.trace_id, event.span_id)
        self._events.setdefault(key, {})[event.sequence] = event
        self.last_ns = max(self.last_ns, event.sequence)
        return key

    def read(self, key: SpanKey, span: SpanRecord | None, facts: Facts | None) -> None:
        """Read what stands on one span: event records, those packed in its attributes, and evaluations of others."""
        events = recorded = self._events.get(key, {})
        if span is not None and (packed := packed_events(span)):
            events = events.copy()
            for event in packed:
                events.setdefault(event.sequence, event)
        notes: list[Note] = [
            read_note(events[sequence], claimed=sequence not in recorded) for sequence in sorted(events)
        ]
        for number, reward in enumerate(facts.rewards if facts is not None else ()):
            # An evaluation of ours is shown on the OTel span too, at the very time of its record.
            if reward.time_ns not in events:
                order = (reward.time_ns, f"{key[0]}:{key[1]}:{reward.time_ns}:{number}")
                # One of ours is about the step in force; another instrumentation's, about the span that has it.
                ours = facts is not None and facts.dialect == atlas.NAME
                target = NoteTarget() if ours else NoteTarget(span_id=key[1])
                notes.append(RewardNote(order, target, replace(reward, claimed=_came_over_otlp(span))))
        notes.extend(_repeated_guidance(key, span, facts) if span is not None and facts is not None else ())
        if key in self._notes:
            for held in (self._notes, self._about, self._plans, self._anomalies):
                held.pop(key, None)
        if not notes:
            return
        self._notes[key] = notes
        plans = [note for note in notes if isinstance(note, PlanNote)]
        if plans:
            self._plans[key] = max(plans, key=lambda note: note.order)
        about = [note for note in notes if isinstance(note, TargetedNote)]
        if about:
            self._about[key] = about
        marks = Counter(note.anomaly for note in notes if isinstance(note, PushedNote) and note.anomaly)
        if marks:
            self._anomalies[key] = marks

    def on(self, key: SpanKey) -> list[Note]:
        """The notes on one span."""
        return self._notes.get(key, [])

    def opened_ns(self, key: SpanKey) -> int | None:
        """When the adapter last reported something on this span while it opened; None where it did not."""
        opening = (note.order[0] for note in self.on(key) if isinstance(note, AdapterNote) and note.opening)
        return max(opening, default=None)

    def reported(self, key: SpanKey) -> list[Note]:
        """Those on one span that belong to the transcript of what happened there."""
        return [note for note in self.on(key) if isinstance(note, (AdapterNote, PushedNote))]

    def about(self) -> Iterator[tuple[SpanKey, TargetedNote]]:
        """All notes that have a target, with the span that each stands on."""
        for key, notes in self._about.items():
            for note in notes:
                yield key, note

    @property
    def plan(self) -> Plan:
        """The latest plan; an empty one where there is none."""
        if not self._plans:
            return Plan()
        return max(self._plans.values(), key=lambda note: note.order).plan

    @property
    def anomalies(self) -> Counter[str]:
        """How many pushed steps fitted no open one, by kind."""
        return sum(self._anomalies.values(), Counter())


def _came_over_otlp(span: SpanRecord | None) -> bool:
    return span is not None and span.rank == RANK_ENDED_OTLP


def _repeated_guidance(key: SpanKey, span: SpanRecord, facts: Facts) -> Iterator[GuidanceNote]:
    """A step that is given ``{step, context, guidance, attempt}`` (contract §5) says what guidance came before it."""
    if facts.kind != "step":
        return
    for number, note in enumerate(task_input(facts).guidance):
        yield GuidanceNote(
            (span.start_ns, f"{key[0]}:{key[1]}:guidance:{number:04}"), NoteTarget(), note, repeated=True
        )

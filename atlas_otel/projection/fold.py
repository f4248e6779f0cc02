"""A session that is projected as its records come: :mod:`atlas_otel.projection.project` says what goes where."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from atlas_otel.events.note import TOP, Enclosure
from atlas_otel.models.plan import StepAttempt
from atlas_otel.models.rows import Quiescence, SessionRows
from atlas_otel.projection.dialects.genai_events import is_message_event
from atlas_otel.projection.events import span_events
from atlas_otel.projection.messages import reasoning_texts
from atlas_otel.projection.note_index import NoteIndex
from atlas_otel.projection.pace import at_once
from atlas_otel.projection.session import SessionParts, session_answer, session_row, session_task
from atlas_otel.projection.span_placer import SpanPlacer
from atlas_otel.projection.speakers import reply
from atlas_otel.projection.statements import is_repr
from atlas_otel.projection.step_numbering import StepNumbering
from atlas_otel.projection.step_rows import AttemptParts, step_view
from atlas_otel.projection.target_resolver import TargetResolver
from atlas_otel.projection.timeline import Timeline
from atlas_otel.projection.tokens import TokenCount
from atlas_otel.projection.transcript import note_entries, span_entries
from atlas_otel.records.record import EventRecord, RecordSet
from atlas_otel.semconv import ROOT_STEP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlas_otel.models.json_types import JsonObject
    from atlas_otel.models.plan import Plan, PlanStep
    from atlas_otel.models.rows import TrajectoryEventRow
    from atlas_otel.projection.node import Node, Owner
    from atlas_otel.projection.pace import Pace
    from atlas_otel.projection.step_rows import StepView
    from atlas_otel.projection.target_resolver import ResolvedNotes
    from atlas_otel.projection.transcript import Entry
    from atlas_otel.projection.tree import SpanKey
    from atlas_otel.records.record import Record


LONG_ATTEMPT: Final = 256
"""Spans from which on an attempt that still runs is shown in part."""
_NEVER_NS: Final = 1 << 63


class SessionFold:
    """The records of one session, joined as they come, and their rows. Not thread-safe.

    ``pace``: what its long loops go through; a background thread lets others run there.
    """

    def __init__(self, pace: Pace = at_once) -> None:
        self._pace = pace
        self._records = RecordSet()
        self._keys: Counter[str] = Counter()
        self._fresh: set[SpanKey] = set()
        self._fresh_notes: set[SpanKey] = set()
        self._placer = SpanPlacer(pace)
        self._numbering = StepNumbering(self._placer)
        self._tokens = TokenCount(self._placer)
        self._governance = TokenCount(self._placer, governance=True)
        self._note_index = NoteIndex()
        self._timeline = Timeline(pace)
        self._entries: dict[SpanKey, list[Entry]] = {}
        self._reasoning: dict[SpanKey, list[JsonObject]] = {}
        self._versions: Counter[Owner] = Counter()
        self._early_versions: Counter[Owner] = Counter()
        self._changed_ns: dict[Owner, int] = {}
        self._views: dict[int, tuple[object, StepView]] = {}
        self._quiescence = Quiescence.EXPIRED
        self._rows: SessionRows | None = None
        self._answer: str | None = None

    def add(self, record: Record) -> None:
        """Join one record in: any record of the session, in any order, any number of times."""
        if isinstance(record, EventRecord):
            known: Record | None = self._records.events.get(record.key)
            if not self._records.add(record):
                return
            event = self._records.events[record.key]
            self._count_key(known, event)
            if is_message_event(event.name):
                self._placer.hear(event)
                self._fresh.update({(event.trace_id, event.span_id)} & self._records.spans.keys())
            else:
                self._fresh_notes.add(self._note_index.put(event))
        else:
            known = self._records.spans.get(record.key)
            if not self._records.add(record):
                return
            self._count_key(known, self._records.spans[record.key])
            self._fresh.add(record.key)

    def _count_key(self, before: Record | None, after: Record) -> None:
        if before is not None and before.session_key is not None:
            self._keys[before.session_key] -= 1
        if after.session_key is not None:
            self._keys[after.session_key] += 1

    def rows(self, quiescence: Quiescence = Quiescence.EXPIRED) -> SessionRows | None:
        """The rows that all records so far come to: equal to ``project`` of them. None where there is nothing yet."""
        if self._fresh or self._fresh_notes or quiescence != self._quiescence:
            self._quiescence = quiescence
            self._rows = self._project()
            self._fresh.clear()
            self._fresh_notes.clear()
        return self._rows

    def events_of(self, key: SpanKey) -> Sequence[TrajectoryEventRow]:
        """The trajectory events of one span, as they are by now; none while a span around it is not known."""
        self.rows(self._quiescence)
        node = self._placer.nodes.get(key)
        if node is None or (node.parent is None and node.span.parent_span_id is not None):
            return ()
        return self._timeline.of(key)

    def _project(self) -> SessionRows | None:
        # Only a forger gives one session two keys; then the larger one stands, as in the join of two records.
        key = max((key for key, count in self._keys.items() if count > 0), default="")
        placer, note_index = self._placer, self._note_index
        fresh = [self._records.spans[one] for one in self._fresh]
        touched, shifted = placer.update(fresh, key, still=self._quiescence == Quiescence.EXPIRED)
        for one in self._pace(self._fresh | self._fresh_notes):
            note_index.read(one, self._records.spans.get(one), placer.facts.get(one))
        stated = note_index.plan
        renamed = self._numbering.update(touched, stated)
        self._tokens.update(touched)
        self._governance.update(touched)
        self._changed_ns = dict.fromkeys(shifted | {placer.nodes[one].owner for one in renamed}, 0)
        for one in self._pace(touched | (self._fresh_notes & placer.nodes.keys())):
            owner, changed_ns = placer.nodes[one].owner, self._read(one, moved=one in touched)
            self._changed_ns[owner] = min(self._changed_ns.get(owner, changed_ns), changed_ns)
        self._versions.update(self._changed_ns.keys())
        self._put_events(touched | renamed)
        if all(node.role == "reward" for node in placer.nodes.values()):
            self._views.clear()
            return None  # a score for a session of which nothing else is known yet
        resolved = TargetResolver(placer, self._numbering.attempt_of, self._numbering.latest).resolve(
            note_index.about()
        )
        who = placer.speakers
        task = session_task(placer.root_node, who)
        self._answer = session_answer(placer.root_node, who)
        plan = stated.with_observed(self._numbering.observed(task))
        views = self._step_views(plan, resolved)
        return SessionRows(
            session=session_row(self._session_parts(key, task, resolved, views)),
            plan=plan.to_json(),
            steps=[view.row for view in views],
            attempts=[row for view in views for row in view.attempt_rows],
            guidance=[row for view in views for row in view.guidance_rows],
            events=self._timeline.rows(),
            awaits=placer.awaits,
        )

    def _read(self, key: SpanKey, *, moved: bool) -> int:
        """What one span and the notes on it add to a transcript; from which moment on that differs from before."""
        node = self._placer.nodes[key]
        inside = node.depth if node.role in ("step", "session") else node.depth + 1
        before, reasoned = self._entries.get(key), self._reasoning.pop(key, None)
        entries = self._entries[key] = span_entries(node) + note_entries(self._note_index.reported(key), inside)
        if node.role == "llm" and (said := reasoning_texts(node.facts.output_messages)):
            self._reasoning[key] = [{"span_id": node.span.span_id, "content": text} for text in said]
        if moved and (node.role in ("step", "session") or reasoned != self._reasoning.get(key)):
            return node.span.start_ns
        other = {*before}.symmetric_difference(entries) if before else entries
        return min((entry.time_ns for entry in other), default=_NEVER_NS)

    # --- trajectory events ---------------------------------------------------------------------------------------

    def _put_events(self, moved: set[SpanKey]) -> None:
        for key in self._pace(moved | (self._fresh_notes & self._placer.nodes.keys())):
            node = self._placer.nodes[key]
            if node.role != "step":  # a step's own events come with its rows
                around, attempt = self._enclosure(node.parent), self._numbering.attempt_of(key)
                opened_ns = self._note_index.opened_ns(key) if node.role == "session" else None
                self._timeline.put(key, span_events(node, self._name(node), around, attempt, opened_ns=opened_ns))
        for key in self._pace(moved | self._fresh | self._fresh_notes):
            source, notes = (key, "notes"), self._note_index.on(key)
            if notes or self._timeline.of(source):
                around = self._enclosure(key if key in self._placer.nodes else None)
                self._timeline.put(source, [row for note in notes for row in note.trajectory(around)])

    def _put_step_events(self, view: StepView) -> None:
        for attempt in view.attempts:
            node = attempt.node
            if node is not None and node.role == "step":
                around, identity = self._enclosure(node.parent), StepAttempt(view.plan.id, attempt.number)
                self._timeline.put(
                    node.span.key, span_events(node, self._name(node), around, identity, (view, attempt))
                )

    def _enclosure(self, key: SpanKey | None) -> Enclosure:
        """The span with ``key`` as what stands around an event."""
        if key is None:
            return TOP
        node = self._placer.nodes[key]
        if node.parent is None:
            return Enclosure(node.uuid, self._name(node), ROOT_STEP, ROOT_STEP)
        outer = self._placer.nodes[node.parent]
        return Enclosure(node.uuid, self._name(node), outer.uuid, self._name(outer))

    def _name(self, node: Node) -> str:
        attempt = self._numbering.attempt_of(node.span.key) if node.role == "step" else None
        return node.facts.name if attempt is None else f"step_{attempt.step}"

    # --- rows ----------------------------------------------------------------------------------------------------

    def _step_views(self, plan: Plan, resolved: ResolvedNotes) -> list[StepView]:
        steps = {step.id: step for step in plan.steps}
        views = {}
        for step_id in self._pace(sorted(self._numbering.owners)):
            signature, parts = self._step_parts(steps[step_id], resolved)
            held = self._views.get(step_id)
            if held is not None and held[0] == signature:
                views[step_id] = held
                continue
            view = step_view(steps[step_id], [self._filled(one) for one in parts])
            views[step_id] = (signature, view)
            self._put_step_events(view)
        self._views = views
        return [view for _, view in views.values()]

    def _step_parts(self, step: PlanStep, resolved: ResolvedNotes) -> tuple[object, list[AttemptParts]]:
        """What a step's rows are made from, by attempt, and a signature that differs where any of it does."""
        owners = self._numbering.owners[step.id]
        parts = []
        for number in range(1, self._numbering.latest[step.id] + 1):
            attempt = StepAttempt(step.id, number)
            if number in owners or attempt in resolved.attempts:
                notes = resolved.attempts.get(attempt, [])
                scores = resolved.spans.get(attempt, [])
                if attempt == self._numbering.implied:
                    # What was said of the session was said of its only step.
                    notes, scores = notes + resolved.judgements, scores + resolved.spans.get(None, [])
                held = owners.get(number, [])
                parts.append(AttemptParts(number, held, notes, scores, self._until_ns(held)))
        return (step, parts, [self._versions_of(one) for one in parts]), parts

    def _until_ns(self, owners: Sequence[Owner]) -> int | None:
        """Up to when the transcript of an attempt goes; None: all of it.

        That of a long attempt would be made again whenever something comes in. So while it runs it goes on only when
        the time since its beginning has doubled: at least half of that time is shown, and all of it when it is over.
        """
        placer = self._placer
        if sum(len(placer.groups.get(owner, ())) for owner in owners) <= LONG_ATTEMPT:
            return None
        key = self._numbering.span_of(owners)
        span = placer.nodes[key] if key is not None else None
        if placer.is_over(self._quiescence) or (span is not None and span.status != "running"):
            return None
        begin_ns = span.span.start_ns if span is not None else placer.begin_ns
        return begin_ns + (1 << max(0, placer.last_ns - begin_ns).bit_length() >> 1)

    def _versions_of(self, parts: AttemptParts) -> list[int]:
        """Numbers that differ from those before where the content of an attempt, as far as it is shown, does."""
        if parts.until_ns is None:
            return [self._versions[owner] for owner in parts.owners]
        early = [owner for owner in parts.owners if self._changed_ns.get(owner, _NEVER_NS) <= parts.until_ns]
        self._early_versions.update(early)
        return [self._early_versions[owner] for owner in parts.owners]

    def _filled(self, parts: AttemptParts) -> AttemptParts:
        """The parts with what stands in the attempt's spans."""
        spans = [key for owner in parts.owners for key in self._placer.groups.get(owner, ())]
        key = self._numbering.span_of(parts.owners)
        until_ns = _NEVER_NS if parts.until_ns is None else parts.until_ns
        began = [(self._records.spans[one].start_ns, one) for one in self._reasoning.keys() & spans]
        node = self._placer.nodes[key] if key is not None else None
        implied = self._numbering.implied is not None and self._numbering.implied.number == parts.number
        return parts._replace(
            node=node,
            said=(self._answer or "") if implied else self._said(node, spans),
            entries=[entry for one in spans for entry in self._entries[one] if entry.time_ns <= until_ns],
            reasoning=[said for at, one in sorted(began) if at <= until_ns for said in self._reasoning[one]],
        )

    def _said(self, node: Node | None, spans: Sequence[SpanKey]) -> str:
        """What an attempt answered, where its span does not state it: the last reply of a model in it."""
        if node is None or node.failure is not None or (node.facts.output is not None and node.facts.kind == "step"):
            return ""
        stated = reply(node.facts) if node.role == "step" else ""
        if stated and not is_repr(stated):
            return stated
        calls = [self._placer.nodes[one] for one in spans if self._placer.nodes[one].role == "llm"]
        last = max(calls, key=lambda one: (one.span.start_ns, one.span.key), default=None)
        return reply(last.facts) if last is not None else ""

    def _session_parts(self, key: str, task: str, resolved: ResolvedNotes, views: Sequence[StepView]) -> SessionParts:
        placer = self._placer
        return SessionParts(
            key=key,
            task=task,
            root=placer.root_node,
            begin_ns=placer.begin_ns,
            last_ns=max(placer.last_ns, self._note_index.last_ns),
            trace_ids=placer.trace_ids,
            notes=resolved.session,
            guidance=resolved.guidance,
            step_scores=[view.score for view in views if view.score is not None],
            tokens=self._tokens.totals,
            governance=self._governance.totals,
            span_rewards=resolved.spans.get(None, []),
            unplaced=resolved.unplaced,
            anomalies=self._note_index.anomalies,
            answer=self._answer,
            conversation_id=placer.conversation_id,
            over=self._quiescence >= placer.awaits,
        )

"""What subscribers hear: pushed steps, and the steps of decorated spans as they happen.

While anybody subscribes, a :class:`StepFeed` listens to every active span (``state.listen``); else nobody does, and
spans cost nothing extra. A decorated span's steps are made by the projection's own functions, so that a subscriber sees
what the trajectory will hold: the same UUIDs (span ids), parents and names.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from opentelemetry import context as otel_context

from atlas_otel import semconv
from atlas_otel.events.adapter_event import AdapterNote
from atlas_otel.events.catalogue import read_note
from atlas_otel.events.intermediate_step import PushedNote
from atlas_otel.events.note import TOP, Enclosure
from atlas_otel.models.intermediate_step import IntermediateStep
from atlas_otel.models.plan import StepAttempt
from atlas_otel.process import fork
from atlas_otel.projection.dialects import facts_of
from atlas_otel.projection.events import span_events
from atlas_otel.projection.fold import SessionFold
from atlas_otel.projection.node import Node
from atlas_otel.tracing import state
from atlas_otel.tracing.context import current_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from atlas_otel.models.rows import TrajectoryEventRow
    from atlas_otel.projection.facts import Facts
    from atlas_otel.projection.tree import SpanKey
    from atlas_otel.records.record import EventRecord, SpanRecord
    from atlas_otel.records.recorder import OpenSpan
    from atlas_otel.tracing.context import SpanInForce


_NAMES: Final = {
    "llm": (semconv.GEN_AI_REQUEST_MODEL, semconv.ATLAS_NAME),
    "tool": (semconv.GEN_AI_TOOL_NAME, semconv.ATLAS_NAME),
    "session": (semconv.ATLAS_NAME, semconv.GEN_AI_AGENT_NAME),
}
"""Where an active span's name stands, by its kind, first come first."""


class Subscription:
    """One subscriber. ``session``: the key of the session that it follows; None: every session of the process."""

    def __init__(
        self,
        on_next: Callable[[IntermediateStep], Any],
        on_error: Callable[[Exception], Any] | None,
        on_complete: Callable[[], Any] | None,
        session: str | None,
        source: object,
        remove: Callable[[Subscription], None],
    ) -> None:
        self.on_next = on_next
        self.on_error = on_error
        self.on_complete = on_complete
        self.session = session
        self.source = source
        self._remove = remove

    def unsubscribe(self) -> None:
        """Get no more steps. Idempotent."""
        self._remove(self)

    def tell(self, step: IntermediateStep) -> None:
        """Hand a step over. What the subscriber raises is counted and given to its ``on_error``."""
        try:
            self.on_next(step)
        except Exception as error:  # a subscriber's fault must not reach the agent, nor other subscribers
            state.absorbed("subscriber")
            if self.on_error is not None:
                try:
                    self.on_error(error)
                except Exception:
                    state.absorbed("subscriber")

    def complete(self) -> None:
        """No step will follow."""
        if self.on_complete is not None:
            try:
                self.on_complete()
            except Exception:  # a subscriber's fault must not reach the agent
                state.absorbed("subscriber")


class _Known(NamedTuple):
    """A span: what stands around it, and what it is to those inside it. Kept until its session is over, since what is
    reported on it may come late."""

    around: Enclosure
    inside: Enclosure
    session: str | None


@dataclass(slots=True)
class _Opening:
    """A governed run. Its workflow begins after the adapter's handshake (contract §5)."""

    record: SpanRecord
    facts: Facts
    last_ns: int | None = None
    """When the adapter last reported something in its handshake."""
    told: bool = False


class StepFeed:
    """Publishes to all subscribers of the process, on the thread where a thing happens. A ``Recorder``."""

    def __init__(self) -> None:
        self._lock = fork.lock()
        self._subscriptions: tuple[Subscription, ...] = ()
        self._known: dict[SpanKey, _Known] = {}
        self._folds: dict[str, SessionFold] = {}
        self._opening: dict[str, _Opening] = {}
        self._telling = threading.local()

    @property
    def followed(self) -> bool:
        """Whether anybody subscribes."""
        return bool(self._subscriptions)

    def add(self, subscription: Subscription) -> None:
        """Have it told from now on."""
        with self._lock:
            self._subscriptions = (*self._subscriptions, subscription)
            state.listen(self)

    def remove(self, subscription: Subscription) -> None:
        """Tell it no more."""
        with self._lock:
            self._subscriptions = tuple(one for one in self._subscriptions if one is not subscription)
            if not self._subscriptions:
                state.listen(None)
                self._known.clear()
                self._folds.clear()
                self._opening.clear()

    def complete(self, wanted: Callable[[Subscription], bool]) -> None:
        """Tell those that no step will follow, and let go of them."""
        for subscription in self._subscriptions:
            if wanted(subscription):
                self.remove(subscription)
                subscription.complete()

    def pushed(self, step: IntermediateStep, session: str | None, source: object) -> None:
        """A step was pushed to the manager ``source``."""
        self._begin(session)
        for one in self._subscriptions:
            if one.source is source or _hears(one, session):
                one.tell(step)

    # --- decorated code (recorder.Recorder) ----------------------------------------------------------------------

    def span_started(self, span: OpenSpan, *, durable: bool) -> None:
        """Publish the START of a decorated span."""
        record = span.snapshot()
        if record is None or _is_aside(record) or not self._wanted(record.session_key):
            return
        facts = facts_of(record)
        around = TOP if facts.kind == "session" else self._around()
        inside = Enclosure(facts.pushed_uuid or record.span_id, _name(facts), around.uuid, around.name)
        with self._lock:
            self._known[record.key] = _Known(around, inside, record.session_key)
        if facts.pushed_uuid is not None:  # it tells itself
            self._fold_in(record)
        elif facts.kind == "session" and facts.name == semconv.GOVERNED_WORKFLOW and record.session_key is not None:
            self._fold_in(record)
            with self._lock:
                self._opening[record.session_key] = _Opening(record, facts)
        else:
            self._tell(record.session_key, self._rows(record, facts, around)[:1])

    def span_ended(self, record: SpanRecord) -> None:
        """Publish the END of a decorated span."""
        with self._lock:
            known = self._known.get(record.key)
            if record.session_key is None:
                self._known.pop(record.key, None)
        if _is_aside(record) or not self._wanted(record.session_key):
            return
        facts = facts_of(record)
        if facts.pushed_uuid is not None:
            self._fold_in(record)
        else:
            around = known.around if known is not None else self._around()
            self._begin(record.session_key)
            self._tell(record.session_key, self._rows(record, facts, around)[1:])
        if facts.kind == "session" and record.session_key is not None:
            with self._lock:
                self._folds.pop(record.session_key, None)
                self._opening.pop(record.session_key, None)
                self._known = {key: one for key, one in self._known.items() if one.session != record.session_key}
            self.complete(lambda one: one.session == record.session_key)

    def span_forked(self) -> None:
        """Another process' span: nothing to tell."""

    def event(self, record: EventRecord) -> None:
        """Publish what was reported: adapter events, rewards, guidance. Pushed steps come by themselves."""
        if not self._wanted(record.session_key):
            return
        self._fold_in(record)
        note = read_note(record)
        if isinstance(note, PushedNote):
            return
        with self._lock:
            known = self._known.get((record.trace_id, record.span_id))
        around = known.inside if known is not None else self._around()
        opening = self._opening.get(record.session_key) if record.session_key is not None else None
        if opening is not None and isinstance(note, AdapterNote) and note.opening:
            opening.last_ns = record.sequence
            self._publish(record.session_key, note.trajectory(around))
        else:
            self._tell(record.session_key, note.trajectory(around))

    def _begin(self, session: str | None) -> None:
        """Publish the START of a governed run's workflow, which comes after what the adapter reported in its
        handshake."""
        opening = self._opening.get(session) if session is not None else None
        if opening is None or opening.told:
            return
        opening.told = True
        self._publish(session, self._rows(opening.record, opening.facts, TOP)[:1])

    def _wanted(self, session: str | None) -> bool:
        # What a subscriber does itself is not told: it would be told of that, too, for ever.
        return not getattr(self._telling, "now", False) and any(_hears(one, session) for one in self._subscriptions)

    def _tell(self, session: str | None, rows: Sequence[TrajectoryEventRow]) -> None:
        self._begin(session)
        self._publish(session, rows)

    def _publish(self, session: str | None, rows: Sequence[TrajectoryEventRow]) -> None:
        self._telling.now = True
        try:
            for row in rows:
                step = IntermediateStep.model_validate_json(row.event)
                for one in self._subscriptions:
                    if _hears(one, session):
                        one.tell(step)
        finally:
            self._telling.now = False

    def _fold_in(self, record: SpanRecord | EventRecord) -> None:
        if record.session_key is not None:
            with self._lock:
                self._folds.setdefault(record.session_key, SessionFold()).add(record)

    def _rows(self, record: SpanRecord, facts: Facts, around: Enclosure) -> Sequence[TrajectoryEventRow]:
        """What the trajectory holds of a span. A step's depends on all that happened in it, so it is projected."""
        stands_in = None
        if facts.step_id is not None and facts.step_attempt is not None:
            stands_in = StepAttempt(facts.step_id, facts.step_attempt)
        self._fold_in(record)
        if facts.kind == "step" and record.session_key is not None:
            with self._lock:
                if rows := self._folds[record.session_key].events_of(record.key):
                    return rows
        opening = self._opening.get(record.session_key) if record.session_key is not None else None
        opened_ns = opening.last_ns if opening is not None and facts.kind == "session" else None
        node = Node(record, facts, facts.kind, None, None, 0)
        return span_events(node, _name(facts), around, stands_in, opened_ns=opened_ns)

    def _around(self) -> Enclosure:
        """What stands around what happens here."""
        active = current_frame(otel_context.get_current()).span
        if active is None:
            return TOP
        with self._lock:
            known = self._known.get((active.trace_id, active.span_id))
        return known.inside if known is not None else enclosure_of(active)


def _is_aside(record: SpanRecord) -> bool:
    """Whether a span shows where time goes and is no step."""
    return record.attributes.get(semconv.ATLAS_ASIDE) is True


def enclosure_of(active: SpanInForce) -> Enclosure:
    """A span in force as what stands around an event."""
    attributes = active.attributes
    uuid = str(attributes.get(semconv.ATLAS_PUSHED_UUID, active.span_id))
    name = active.name
    for key in _NAMES.get(active.kind, _NAMES["session"]):
        if isinstance(named := attributes.get(key), str):
            name = named
            break
    if active.kind == "step" and active.identity is not None:
        name = f"step_{active.identity.step}"
    return Enclosure(uuid, name, active.parent_span_id or semconv.ROOT_STEP, None)


def _hears(one: Subscription, session: str | None) -> bool:
    return one.session is None or one.session == session


def _name(facts: Facts) -> str:
    return f"step_{facts.step_id}" if facts.kind == "step" and facts.step_id is not None else facts.name


FEED: Final = StepFeed()
"""The process' one."""

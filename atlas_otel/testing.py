"""For tests, ours and yours: what was recorded, in memory, with fixed ids and a stepped clock.

>>> with recording() as recorded:
...     with atlas_otel.session("a task", name="demo") as s:
...         s.final_answer = "done"
>>> recorded.rows(s.id).session.final_answer
'done'

The pytest fixture ``atlas_recording`` gives the same (the plugin is found by itself where atlas-otel is installed).
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, count
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace.id_generator import IdGenerator

from atlas_otel import __version__, semconv
from atlas_otel.capture.capture import Capture
from atlas_otel.process import fork
from atlas_otel.process.clock import Clock
from atlas_otel.records.record import EventRecord, Record, RecordSet, SpanRecord
from atlas_otel.sdk.own_provider import OwnProvider
from atlas_otel.tracing import state
from atlas_otel.tracing.threads import carry_context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from opentelemetry.sdk.trace import SpanLimits, SpanProcessor

    from atlas_otel.models.rows import SessionRows
    from atlas_otel.records.recorder import OpenSpan

FIRST_NS = 1_700_000_000_000_000_000
"""Where the stepped clock starts: 2023-11-14T22:13:20Z."""
STEP_NS = 1_000_000
"""How far the stepped clock goes at each look: a millisecond."""


class SteppedClock(Clock):
    """A clock that goes one millisecond on at each look, from a fixed moment."""

    def __init__(self, first_ns: int = FIRST_NS, step_ns: int = STEP_NS) -> None:
        moments = chain([0], count(0, step_ns))
        self._passed = 0

        def steady() -> int:
            self._passed = next(moments)
            return self._passed

        super().__init__(lambda: first_ns + self._passed, steady)


class SequentialIds(IdGenerator):
    """Trace and span ids 1, 2, 3, …"""

    def __init__(self) -> None:
        self._traces = count(1)
        self._spans = count(1)

    def generate_trace_id(self) -> int:
        """The next trace id."""
        return next(self._traces)

    def generate_span_id(self) -> int:
        """The next span id."""
        return next(self._spans)


class Recording:
    """Everything that was recorded, in order, and what it comes to. A ``Recorder``; thread-safe."""

    def __init__(self) -> None:
        self._lock = fork.lock()
        self.all: list[Record] = []
        """Open snapshots of sessions and steps, events, and ended spans, as they came."""
        self.running: list[OpenSpan] = []
        """Every span that was started."""
        self.forked = 0

    def span_started(self, span: OpenSpan, *, durable: bool) -> None:
        """Keep the span, and the open snapshot of a session or step."""
        snapshot = span.snapshot() if durable else None
        with self._lock:
            self.running.append(span)
            if snapshot is not None:
                self.all.append(snapshot)

    def span_ended(self, record: SpanRecord) -> None:
        """Keep the record."""
        with self._lock:
            self.all.append(record)

    def span_forked(self) -> None:
        """Count it."""
        self.forked += 1

    def event(self, record: EventRecord) -> None:
        """Keep the event."""
        with self._lock:
            self.all.append(record)

    @property
    def spans(self) -> list[SpanRecord]:
        """The spans that ended, in the order of their ends."""
        return [record for record in self.all if isinstance(record, SpanRecord) and record.ended]

    @property
    def events(self) -> list[EventRecord]:
        """The events, in order."""
        return [record for record in self.all if isinstance(record, EventRecord)]

    def span(self, name: str) -> SpanRecord:
        """The one ended span whose name is or contains ``name``; LookupError where there is none or several."""
        found = [s for s in self.spans if s.name == name] or [s for s in self.spans if name in s.name]
        if len(found) != 1:
            raise LookupError(f"{len(found)} spans are called {name!r}; there are {[s.name for s in self.spans]}")
        return found[0]

    def records(self, session: str) -> RecordSet:
        """The merged records of the session with this key."""
        return RecordSet(record for record in self.all if record.session_key == session)

    def sessions(self) -> list[str]:
        """The keys of all sessions, in the order in which they began."""
        return list(dict.fromkeys(record.session_key for record in self.all if record.session_key))

    def rows(self, session: str | None = None) -> SessionRows:
        """The contract rows that the records of a session come to (default: of the only session)."""
        from atlas_otel.projection.project import project

        if session is None:
            (session,) = self.sessions()
        rows = project(self.records(session))
        if rows is None:
            raise LookupError(f"nothing was recorded of session {session}")
        return rows


@contextmanager
def recording(
    *,
    capture: Capture | None = None,
    clock: Clock | None = None,
    processors: Sequence[SpanProcessor] = (),
    limits: SpanLimits | None = None,
    new_key: Callable[[], str] | None = None,
    sdk_spans: bool = False,
) -> Iterator[Recording]:
    """Record in memory what runs in the block: real OTel spans, fixed ids, a stepped clock, nothing global but ours.

    Args:
        capture: What becomes of values; None: as ``configure()`` without arguments has it.
        clock: The time; None: a stepped one.
        processors: Get our spans, as the SDK's.
        limits: The SDK's span limits.
        new_key: Makes the sessions' keys; None: ``session-1``, ``session-2``, …
        sdk_spans: Our spans are the SDK's, as they are on a provider that is not ours.

    Yields:
        What was recorded, by then and later.

    Example:
        >>> from atlas_otel.testing import recording
        >>> with recording() as recorded:
        ...     with atlas.session("Count") as session, atlas.step("Look", id=1):
        ...         atlas.record_reward(1.0)
        >>> recorded.span("step 1: Look").status, recorded.rows().steps[0].evaluation["reward"]["score"]
        (0, 1.0)
    """
    carry_context()
    recorder = Recording()
    provider = OwnProvider(id_generator=SequentialIds(), span_limits=limits, alone=not sdk_spans and limits is None)
    for processor in processors:
        provider.add_span_processor(processor)
    numbers = count(1)
    parts = replace(
        state.current(),
        tracer=provider.get_tracer(semconv.SCOPE_NAME, __version__),
        recorder=recorder,
        capture=capture or Capture(),
        clock=clock or SteppedClock(),
        own=provider,
        new_key=new_key or (lambda: f"session-{next(numbers)}"),
        enabled=True,
        records=True,
        metadata={},
    )
    before = state.install(parts)
    try:
        yield recorder
    finally:
        state.install(before)
        provider.shutdown()

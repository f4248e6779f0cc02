"""What ``configure`` puts in place and every active span reads: one object, swapped whole.

Before ``configure`` the recorder keeps nothing and the tracer is the API's: decorated code works, and stores nothing.
"""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opentelemetry import trace

from atlas_otel import __version__, semconv
from atlas_otel.capture.capture import Capture
from atlas_otel.process import fork
from atlas_otel.process.clock import Clock
from atlas_otel.records.recorder import NullRecorder
from atlas_otel.records.utf8 import NEVER
from atlas_otel.tracing.session_trust import SessionTrust

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from atlas_otel.records.recorder import Recorder
    from atlas_otel.tracing.span_view import SpanMaker


@dataclass(frozen=True, slots=True)
class Instrumentation:
    """The parts that an active span works with."""

    tracer: trace.Tracer = field(default_factory=lambda: trace.get_tracer(semconv.SCOPE_NAME, __version__))
    recorder: Recorder = field(default_factory=NullRecorder)
    capture: Capture = field(default_factory=Capture)
    clock: Clock = field(default_factory=Clock)
    enabled: bool = True
    own: SpanMaker | None = None
    """The provider, where it is ours."""
    adopted: bool = False
    """The tracer provider is not ours: its limits and samplers are not known."""
    utf8_over: int = NEVER
    """Of how many bytes on the recorder takes captured texts as bytes (``utf8``)."""
    records: bool = False
    """Records go somewhere: ids are made where the tracer gives none."""
    propagate: bool = False
    """The session's key goes into baggage."""
    trust: SessionTrust = field(default_factory=SessionTrust)
    """Which session of another process is joined."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    resource: Mapping[str, Any] = field(default_factory=dict)
    """The resource's attributes, redacted: what records hold of it."""
    expected: tuple[type[BaseException], ...] = ()
    """Exceptions that are no failure, whatever raises them."""
    new_key: Callable[[], str] | None = None
    """Makes session keys (tests fix them); None: random."""
    trace_url: str | None = None
    """Where a trace is looked at, with ``{trace_id}`` in it."""
    step_descriptions: bool = True
    """A step's description stands in its span's name."""


SILENT = Instrumentation(tracer=trace.NoOpTracer(), enabled=False)
"""Parts that do nothing: under suppression, and where ``configure(enabled=False)``."""

listener: Recorder | None = None
"""Told what every active span of the process does, while somebody subscribes to its steps (``step_feed``)."""

_current = Instrumentation()
_harm = Counter[str]()
_count: Callable[[str], None] | None = None
_harm_lock = fork.lock()


def current() -> Instrumentation:
    """The parts in force."""
    return _current


def new_session_key() -> str:
    """A key for a session that starts: random, unless a test fixes it."""
    return _current.new_key() if _current.new_key is not None else uuid.uuid4().hex


def install(instrumentation: Instrumentation) -> Instrumentation:
    """Put other parts in force; returns the ones before."""
    global _current
    before, _current = _current, instrumentation
    return before


def listen(recorder: Recorder | None) -> None:
    """Put another listener in place."""
    global listener
    listener = recorder


def absorbed(cause: str) -> None:
    """Count an exception of ours (or of a guest's) that was kept from the agent, a value that was withheld, a report
    that was not recorded: whatever is missing or odd, and no span. ``delivery.causes`` says what each cause means."""
    with _harm_lock:
        _harm[cause] += 1
    if _count is not None:
        _count(cause)


def count_into(count: Callable[[str], None] | None) -> None:
    """Have ``count`` told each cause too, from now on: the accounts of this process. It must not raise."""
    global _count
    _count = count


def absorbed_counts() -> dict[str, int]:
    """How many exceptions were kept from the agent in this process, by where they came from."""
    with _harm_lock:
        return dict(_harm)


fork.in_child(_harm.clear)

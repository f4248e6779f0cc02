"""Where records go: the one seam between the instrumentation above and the pipeline below.

The instrumentation knows only :class:`Recorder`. ``pipeline.configure`` puts a real one in its place; until then
:class:`NullRecorder` stands there, so that a decorated program works in process and stores nothing.

No method may raise, block on a database or network, or take longer than an append.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlas_otel.records.record import EventRecord, SpanRecord


class OpenSpan(Protocol):
    """A span that runs: what a recorder may ask for while it does."""

    def snapshot(self) -> SpanRecord | None:
        """The span as it is now, with ``rank`` open; None once it has ended. Safe from any thread."""


class Recorder(Protocol):
    """Takes what happened, at the moment it happened."""

    def span_started(self, span: OpenSpan, *, durable: bool) -> None:
        """A span began. ``durable``: its open snapshot is recorded now (sessions, steps); else only
        if it is still open when the writer next looks."""

    def span_ended(self, record: SpanRecord) -> None:
        """A span ended. Called once per started span, in the process that started it."""

    def span_forked(self) -> None:
        """A span that was started in another process (before a fork) ended here: counted, not stored."""

    def event(self, record: EventRecord) -> None:
        """Something was reported on a span."""


class NullRecorder:
    """Takes everything and keeps nothing."""

    def span_started(self, span: OpenSpan, *, durable: bool) -> None:
        """Keep nothing."""

    def span_ended(self, record: SpanRecord) -> None:
        """Keep nothing."""

    def span_forked(self) -> None:
        """Keep nothing."""

    def event(self, record: EventRecord) -> None:
        """Keep nothing."""


class _Tee:
    """Hands everything to several recorders."""

    def __init__(self, recorders: Sequence[Recorder]) -> None:
        self._recorders = recorders

    def span_started(self, span: OpenSpan, *, durable: bool) -> None:
        for recorder in self._recorders:
            recorder.span_started(span, durable=durable)

    def span_ended(self, record: SpanRecord) -> None:
        for recorder in self._recorders:
            recorder.span_ended(record)

    def span_forked(self) -> None:
        for recorder in self._recorders:
            recorder.span_forked()

    def event(self, record: EventRecord) -> None:
        for recorder in self._recorders:
            recorder.event(record)


def tee(*recorders: Recorder) -> Recorder:
    """One recorder in place of any number of them."""
    if not recorders:
        return NullRecorder()
    return recorders[0] if len(recorders) == 1 else _Tee(recorders)

"""Spans on their way over OTLP are counted, and what goes wrong is a line a minute; others' exporters speak freely."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator, Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

import atlas_otel as atlas
from atlas_otel.process.quiet_log import QuietLog
from atlas_otel.sdk import otlp_sender
from atlas_otel.sdk.otlp_sender import OtlpSender
from atlas_otel.sdk.own_provider import OwnProvider
from atlas_otel.testing import recording
from atlas_otel.tracing import state
from atlas_otel.tracing.ended_span import EndedSpan

EXPORTERS = logging.getLogger("opentelemetry.exporter.otlp.proto.http.trace_exporter")


class Exporter(SpanExporter):
    """Takes what it is told to take, and complains of the rest as the SDK's does."""

    def __init__(self, *, takes: bool) -> None:
        self.takes = takes
        self.got: list[str] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self.takes:
            self.got += [span.name for span in spans]
            return SpanExportResult.SUCCESS
        EXPORTERS.warning("Transient error, retrying")
        EXPORTERS.error("Failed to export")
        return SpanExportResult.FAILURE


@pytest.fixture(autouse=True)
def _a_minute_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp_sender, "_said", QuietLog("atlas_otel.otlp"))


@pytest.fixture
def exporter() -> Exporter:
    return Exporter(takes=True)


@pytest.fixture
def sender(exporter: Exporter, monkeypatch: pytest.MonkeyPatch) -> Iterator[OtlpSender]:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    sender = OtlpSender(exporter)
    yield sender
    sender.shutdown()


def record(sender: OtlpSender, number: int, provider: TracerProvider | None = None) -> None:
    provider = provider or TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(sender)
    for _ in range(number):
        provider.get_tracer("t").start_span("s").end()


def test_what_was_taken_is_counted_as_sent(sender: OtlpSender, exporter: Exporter) -> None:
    record(sender, 3)
    assert sender.force_flush()
    assert (sender.handed, sender.sent, exporter.got) == (3, 3, ["s"] * 3)


def test_our_own_spans_are_made_where_they_are_sent(
    sender: OtlpSender, exporter: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_by: list[str] = []
    readable = EndedSpan.readable

    def noting(span: EndedSpan) -> ReadableSpan:
        made_by.append(threading.current_thread().name)
        return readable(span)

    monkeypatch.setattr(EndedSpan, "readable", noting)
    with recording():
        own = state.current().own
        assert isinstance(own, OwnProvider)
        own.add_own(sender, take=sender.take)
        with atlas.session("t", name="outer"), atlas.step("Look", id=1):
            pass
        deadline = time.monotonic() + 20
        while sender.sent < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
    assert (sender.handed, sender.sent, len(exporter.got)) == (2, 2, 2)
    assert "MainThread" not in made_by


def test_a_span_that_cannot_be_made_does_not_keep_the_others(
    sender: OtlpSender, exporter: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    readable = EndedSpan.readable
    seen: list[EndedSpan] = []

    def failing_once(span: EndedSpan) -> ReadableSpan:
        seen.append(span)
        if len(seen) == 1:
            raise ValueError("no span")
        return readable(span)

    monkeypatch.setattr(EndedSpan, "readable", failing_once)
    before = state.absorbed_counts().get("export", 0)
    with recording():
        own = state.current().own
        assert isinstance(own, OwnProvider)
        own.add_own(sender, take=sender.take)
        with atlas.session("t", name="outer"), atlas.step("Look", id=1):
            pass
        assert sender.force_flush()
    assert (sender.handed, sender.sent) == (2, 1)
    assert state.absorbed_counts()["export"] == before + 1


def test_what_the_sampler_leaves_out_was_not_handed_over(sender: OtlpSender) -> None:
    record(sender, 3, TracerProvider(sampler=TraceIdRatioBased(0), shutdown_on_exit=False))
    assert sender.handed == 0


def test_what_nobody_takes_is_counted_and_said_in_one_line(
    sender: OtlpSender, exporter: Exporter, caplog: pytest.LogCaptureFixture
) -> None:
    exporter.takes = False
    for _ in range(3):
        record(sender, 1)
        sender.force_flush()
    assert (sender.handed, sender.sent) == (3, 0)
    assert [one.getMessage() for one in caplog.records] == [
        "spans on their way to the Collector: Transient error, retrying"
    ]
    exporter.takes = True
    record(sender, 1)
    sender.force_flush()
    assert (sender.handed, sender.sent) == (4, 1)


def test_a_full_queue_is_said_in_one_line_too(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "2")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2")
    exporter = Exporter(takes=True)
    sender = OtlpSender(exporter)
    with sender._batch_processor._export_lock:  # as while an export waits for a frozen Collector
        record(sender, 9)
    sender.shutdown()
    assert (sender.handed, sender.sent) == (9, 2)
    assert [one.getMessage() for one in caplog.records] == [
        "spans on their way to the Collector: Queue full, dropping Span."
    ]


def test_what_another_exporter_of_the_process_says_stays(sender: OtlpSender, caplog: pytest.LogCaptureFixture) -> None:
    record(sender, 1)
    others = TracerProvider(shutdown_on_exit=False)
    others.add_span_processor(SimpleSpanProcessor(Exporter(takes=False)))
    for _ in range(2):
        others.get_tracer("t").start_span("s").end()
    assert [one.getMessage() for one in caplog.records] == ["Transient error, retrying", "Failed to export"] * 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_child_counts_its_own(sender: OtlpSender) -> None:
    record(sender, 3)
    pid = os.fork()
    if not pid:
        os._exit(sender.handed + sender.sent)
    assert os.waitpid(pid, 0)[1] == 0
    assert sender.handed == 3

"""What our own span shows to our own exporter, where nobody else looks at our spans."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, TraceFlags

import atlas_otel as atlas
from atlas_otel.testing import recording
from atlas_otel.tracing import state
from atlas_otel.tracing.own_span import OwnSpan

ELSEWHERE = SpanContext(7, 9, is_remote=True, trace_flags=TraceFlags(1))


@pytest.fixture
def exported() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    with recording():
        own = state.current().own
        assert own is not None
        processor = SimpleSpanProcessor(exporter)
        own.add_own(processor, take=lambda ended: processor.on_end(ended.readable()))
        yield exporter


def test_a_late_reward_links_to_its_target(exported: InMemorySpanExporter) -> None:
    atlas.record_reward(0.5, trace_id=f"{7:032x}", span_id=f"{9:016x}")
    (reward,) = exported.get_finished_spans()
    assert [link.context for link in reward.links] == [ELSEWHERE]


def test_a_link_that_somebody_adds_is_shown_without_what_nobody_redacted(exported: InMemorySpanExporter) -> None:
    with atlas.session("a task", name="s"):
        span = trace.get_current_span()
        assert isinstance(span, OwnSpan)
        span.add_link(ELSEWHERE, {"note": "a secret"})
    span.add_link(ELSEWHERE)
    (session,) = exported.get_finished_spans()
    assert [(link.context, dict(link.attributes or {})) for link in session.links] == [(ELSEWHERE, {})]

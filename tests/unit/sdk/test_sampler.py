"""What is dropped for exporters is kept for the record: inside sessions, and for agents' and models' spans."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from opentelemetry import baggage, trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, TraceIdRatioBased
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from atlas_otel import semconv
from atlas_otel.sdk.sampler import KeepSessions
from atlas_otel.tracing import state
from atlas_otel.tracing.ids import AtlasIdGenerator
from atlas_otel.tracing.session_trust import SessionTrust


class _Ended(SpanProcessor):
    def __init__(self) -> None:
        self.names: list[str] = []

    def on_end(self, span) -> None:
        self.names.append(span.name)


def _provider(inner):
    provider = TracerProvider(sampler=KeepSessions(inner), id_generator=AtlasIdGenerator(), shutdown_on_exit=False)
    seen, exported = _Ended(), InMemorySpanExporter()
    provider.add_span_processor(seen)
    provider.add_span_processor(SimpleSpanProcessor(exported))
    return provider.get_tracer("t"), seen, exported


@pytest.fixture(autouse=True)
def joined() -> Iterator[None]:
    """The session that baggage names is joined."""
    before = state.install(replace(state.current(), trust=SessionTrust("always")))
    yield
    state.install(before)


def _in_session() -> Context:
    return baggage.set_baggage(semconv.ATLAS_SESSION_ID, "5" * 32, Context())


def test_outside_a_session_a_dropped_span_stays_dropped():
    tracer, seen, exported = _provider(ALWAYS_OFF)
    tracer.start_span("web", context=Context()).end()
    assert seen.names == []
    assert exported.get_finished_spans() == ()


@pytest.mark.parametrize("inner", [ALWAYS_OFF, ParentBased(ALWAYS_OFF), TraceIdRatioBased(0.0)])
def test_inside_a_session_a_dropped_span_is_recorded_and_not_exported(inner):
    tracer, seen, exported = _provider(inner)
    span = tracer.start_span("query", context=_in_session(), attributes={"db.system": "postgresql"})
    assert span.is_recording()
    assert not span.get_span_context().trace_flags.sampled
    assert span.attributes["db.system"] == "postgresql"
    span.end()
    assert seen.names == ["query"]
    assert exported.get_finished_spans() == ()


@pytest.mark.parametrize(
    "key", ["gen_ai.operation.name", "openinference.span.kind", "traceloop.span.kind", "llm.model_name", "atlas.kind"]
)
def test_the_spans_of_agents_and_models_are_recorded_anywhere(key):
    tracer, seen, exported = _provider(ALWAYS_OFF)
    tracer.start_span("chat", context=Context(), attributes={key: "x"}).end()
    assert seen.names == ["chat"]
    assert exported.get_finished_spans() == ()


def test_under_an_unsampled_remote_parent_a_session_is_recorded():
    tracer, seen, exported = _provider(ParentBased(ALWAYS_ON))
    remote = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(0))
    context = trace.set_span_in_context(NonRecordingSpan(remote), _in_session())
    span = tracer.start_span("step", context=context)
    child = tracer.start_span("tool", context=trace.set_span_in_context(span, context))
    child.end()
    span.end()
    assert seen.names == ["tool", "step"]
    assert child.get_span_context().trace_id == 1
    assert exported.get_finished_spans() == ()


def test_exporters_get_the_share_that_the_inner_sampler_decides():
    ids = [AtlasIdGenerator().generate_trace_id() for _ in range(2000)]
    inner = TraceIdRatioBased(0.1)
    kept = KeepSessions(inner)
    context = _in_session()
    for trace_id in ids:
        alone = inner.should_sample(context, trace_id, "s").decision
        wrapped = kept.should_sample(context, trace_id, "s").decision
        assert wrapped.is_recording()
        assert wrapped.is_sampled() == alone.is_sampled()


def test_the_description_names_the_inner_sampler():
    assert KeepSessions(ALWAYS_OFF).get_description() == "KeepSessions{AlwaysOffSampler}"

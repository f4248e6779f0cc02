"""Which spans of others are recorded outside sessions: whole traces of agents and models."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from atlas_otel.sdk import trace_filter
from atlas_otel.sdk.trace_filter import TraceFilter

MODEL = {"gen_ai.request.model": "m"}


class _Filtered(SpanProcessor):
    def __init__(self) -> None:
        self.filter = TraceFilter()
        self.kept: list[str] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.kept += [one.name for one in self.filter.ended(span)]


@pytest.fixture
def filtered() -> Iterator[tuple[_Filtered, Callable[..., Any]]]:
    with _tracing() as made:
        yield made


@contextmanager
def _tracing() -> Iterator[tuple[_Filtered, Callable[..., Any]]]:
    provider, processor = TracerProvider(shutdown_on_exit=False), _Filtered()
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("tests")

    def start(name: str, parent: Span | None = None, **more: Any) -> Any:
        return tracer.start_span(name, context=set_span_in_context(parent, Context()) if parent else Context(), **more)

    yield processor, start
    provider.shutdown()


def test_what_stands_around_and_below_a_model_call_comes_with_it(filtered: Any) -> None:
    processor, start = filtered
    request = start("POST /ask")
    start("SELECT", request).end()
    model = start("chat", request, attributes=MODEL)
    start("POST api", model).end()
    assert processor.kept == [], "not yet known"
    model.end()
    assert processor.kept == ["SELECT", "POST api", "chat"]
    start("INSERT", request).end()
    request.end()
    assert processor.kept[3:] == ["INSERT", "POST /ask"]
    assert not processor.filter._waiting


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai.operation.name": "chat"},
        {"openinference.span.kind": "LLM"},
        {"traceloop.span.kind": "workflow"},
        {"langfuse.observation.type": "generation"},
        {"mlflow.spanType": '"LLM"'},
        {"ai.operationId": "ai.generateText"},
        {"gcp.vertex.agent.llm_request": "{}"},
        {"haystack.component.name": "llm"},
        {"spring.ai.kind": "chat_client"},
        {"request_data": "{}"},
        {"acme.model": "m", "acme.prompt_tokens": 3},
    ],
    ids=lambda attributes: next(iter(attributes)),
)
def test_traces_of_every_dialect_are_kept_and_of_what_looks_like_a_call(filtered: Any, attributes: Any) -> None:
    processor, start = filtered
    request = start("POST /ask")
    start("call", request, attributes=attributes).end()
    request.end()
    assert processor.kept == ["call", "POST /ask"]


def test_a_trace_without_them_is_forgotten(filtered: Any) -> None:
    processor, start = filtered
    request = start("GET /")
    start("SELECT", request).end()
    request.end()
    assert processor.kept == []
    assert not processor.filter._waiting


def test_a_remote_parent_ends_this_process_s_part(filtered: Any) -> None:
    processor, start = filtered
    remote = NonRecordingSpan(SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1)))
    served = start("tools/call", remote)
    start("chat", served, attributes=MODEL).end()
    served.end()
    assert processor.kept == ["chat", "tools/call"]
    assert not processor.filter._waiting


def test_what_an_outermost_span_left_running_comes_too(filtered: Any) -> None:
    """A web request's background task; a caller's next request."""
    processor, start = filtered
    request = start("POST /ask")
    task = start("task", request)
    start("chat", request, attributes=MODEL).end()
    request.end()
    start("SELECT", task).end()
    task.end()
    assert processor.kept == ["chat", "POST /ask", "SELECT", "task"]
    remote = NonRecordingSpan(SpanContext(request.context.trace_id, 2, is_remote=True, trace_flags=TraceFlags(1)))
    start("GET /status", remote).end()
    assert processor.kept[4:] == ["GET /status"]


def test_what_is_remembered_is_bounded(filtered: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    processor, start = filtered
    monkeypatch.setattr(trace_filter, "MAX_TRACES", 2)
    requests = [start(f"root {number}") for number in range(4)]
    for request in requests:
        start("chat", request, attributes=MODEL).end()
    for request in reversed(requests):
        request.end()
    assert processor.kept[4:] == ["root 3", "root 2"]
    assert len(processor.filter._recorded) == 2


def test_what_waits_is_bounded(filtered: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    processor, start = filtered
    monkeypatch.setattr(trace_filter, "MAX_WAITING", 3)
    monkeypatch.setattr(trace_filter, "MAX_TRACES", 2)
    request = start("root")
    for number in range(10):
        start(f"query {number}", request).end()
    start("chat", request, attributes=MODEL).end()
    assert processor.kept == ["query 7", "query 8", "query 9", "chat"]
    for _ in range(5):
        start("child", start("another")).end()
    assert len(processor.filter._waiting) == 2


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # with threads, 3.12+
def test_a_fork_s_child_waits_for_nothing(filtered: Any) -> None:
    processor, start = filtered
    request = start("root")
    start("query", request).end()
    with processor.filter._lock:  # as a thread that is not in the child
        child = os.fork()
        if child == 0:
            signal.alarm(10)
            start("chat", request, attributes=MODEL).end()
            os._exit(processor.kept != ["chat"])
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@given(st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=1, max_size=9))
def test_all_of_a_trace_or_nothing(shape: list[tuple[int, bool]]) -> None:
    """Spans that end children first, as those of one thread do."""
    with _tracing() as (processor, start):
        spans: list[Any] = []
        for number, (parent, model) in enumerate(shape):
            above = spans[min(parent, number - 1)] if number else None
            spans.append(start(str(number), above, attributes=MODEL if model else None))
        for span in reversed(spans):
            span.end()
        expected = {str(n) for n in range(len(shape))} if any(model for _, model in shape) else set()
        assert set(processor.kept) == expected
        assert len(processor.kept) == len(expected)
        assert not processor.filter._waiting

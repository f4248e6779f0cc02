"""Spans of other instrumentations: which are kept, what is stamped on them, and that nothing reaches the agent."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from opentelemetry import baggage, trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.trace import SpanKind, Status, StatusCode

from atlas_otel import semconv
from atlas_otel.capture.capture import Capture
from atlas_otel.delivery.causes import meaning
from atlas_otel.process import fork
from atlas_otel.records.record import EventRecord, SpanRecord, decode_record, encode_record
from atlas_otel.records.recorder import OpenSpan
from atlas_otel.sdk.processor import WITHHELD, AtlasSpanProcessor
from atlas_otel.tracing import state
from atlas_otel.tracing.session_trust import SessionTrust

SESSION = "5" * 32


class _Recorder:
    def __init__(self) -> None:
        self.started: list[OpenSpan] = []
        self.ended: list[SpanRecord] = []
        self.forked = 0

    def span_started(self, span: OpenSpan, *, durable: bool) -> None:
        self.started.append(span)

    def span_ended(self, record: SpanRecord) -> None:
        self.ended.append(record)

    def span_forked(self) -> None:
        self.forked += 1

    def event(self, record: EventRecord) -> None:
        raise AssertionError("a processor has no events of its own")


def _setup(capture: Capture | None = None, *, direct: bool = True, limits: SpanLimits | None = None):
    recorder = _Recorder()
    provider = TracerProvider(
        resource=Resource.create({"service.name": "agent"}), shutdown_on_exit=False, span_limits=limits
    )
    processor = AtlasSpanProcessor(recorder, capture or Capture(), direct=direct)
    provider.add_span_processor(processor)
    return provider.get_tracer("some.instrumentation"), recorder, provider, processor


@pytest.fixture(autouse=True)
def joined() -> Iterator[None]:
    """The session that baggage names is joined."""
    before = state.install(replace(state.current(), trust=SessionTrust("always")))
    yield
    state.install(before)


def _session() -> Context:
    return baggage.set_baggage(semconv.ATLAS_SESSION_ID, SESSION, Context())


def test_inside_a_session_every_span_is_kept_and_stamped():
    tracer, recorder, *_ = _setup()
    with tracer.start_as_current_span("SELECT", context=_session(), kind=SpanKind.CLIENT) as span:
        span.set_attribute("db.system", "postgresql")
        assert span.attributes[semconv.ATLAS_SESSION_ID] == SESSION
    (record,) = recorder.ended
    assert record.session_key == SESSION
    assert record.name == "SELECT"
    assert record.scope == "some.instrumentation"
    assert record.span_kind == SpanKind.CLIENT.value
    assert record.attributes["db.system"] == "postgresql"
    assert record.resource["service.name"] == "agent"
    assert record.ended
    assert record.start_ns <= record.end_ns
    assert len(recorder.started) == 1


def test_outside_only_the_spans_of_agents_and_models_are_kept():
    tracer, recorder, *_ = _setup()
    tracer.start_span("GET /", context=Context()).end()
    for key in ("gen_ai.request.model", "openinference.span.kind", "traceloop.span.kind", "llm.model_name"):
        tracer.start_span("chat", context=Context(), attributes={key: "x"}).end()
    late = tracer.start_span("late", context=Context())
    late.set_attribute("gen_ai.request.model", "x")
    late.end()
    assert [record.name for record in recorder.ended] == ["chat"] * 4 + ["late"]
    assert len(recorder.started) == 5
    assert all(record.session_key is None for record in recorder.ended)


def test_our_own_spans_are_left_to_their_scopes_where_these_record_directly():
    for direct, count in ((True, 0), (False, 1)):
        _, recorder, provider, _ = _setup(direct=direct)
        tracer = provider.get_tracer(semconv.SCOPE_NAME)
        tracer.start_span("step 1", context=_session(), attributes={semconv.ATLAS_KIND: "step"}).end()
        assert len(recorder.ended) == count
        assert all(record.kind == "step" for record in recorder.ended)


def test_a_session_survives_limits_that_evict_its_stamp():
    tracer, recorder, *_ = _setup(limits=SpanLimits(max_span_attributes=2))
    span = tracer.start_span("busy", context=_session())
    for number in range(10):
        span.set_attribute(f"k{number}", number)
    span.end()
    (record,) = recorder.ended
    assert semconv.ATLAS_SESSION_ID not in record.attributes
    assert record.session_key == SESSION
    assert record.dropped_attributes == 9


def test_a_running_span_can_be_shown_from_another_thread_until_it_ends():
    tracer, recorder, *_ = _setup()
    span = tracer.start_span("long", context=_session())
    span.set_attribute("half", "way")
    shown: list[SpanRecord | None] = []
    thread = threading.Thread(target=lambda: shown.append(recorder.started[0].snapshot()))
    thread.start()
    thread.join()
    assert shown[0] is not None
    assert (shown[0].rank, shown[0].end_ns) == (1, None)
    assert shown[0].attributes["half"] == "way"
    span.end()
    assert recorder.started[0].snapshot() is None


def test_errors_events_and_links_come_along():
    tracer, recorder, *_ = _setup()
    with tracer.start_as_current_span("first", context=_session()) as first:
        pass
    links = [trace.Link(first.get_span_context(), {"why": "after"})]
    with pytest.raises(ValueError, match="bad"), tracer.start_as_current_span("2", context=_session(), links=links):
        raise ValueError("bad")
    span = tracer.start_span("third", context=_session())
    span.set_status(Status(StatusCode.ERROR, "said so"))
    span.end()
    _, second, third = recorder.ended
    assert second.status == 2
    assert second.events[0].name == "exception"
    assert second.events[0].attributes["exception.type"] == "ValueError"
    assert second.links[0].span_id == recorder.ended[0].span_id
    assert second.links[0].attributes == {"why": "after"}
    assert third.status_message == "said so"
    assert decode_record(encode_record(second))


def test_a_childs_parent_is_kept():
    tracer, recorder, *_ = _setup()
    context = _session()
    parent = tracer.start_span("parent", context=context)
    tracer.start_span("child", context=trace.set_span_in_context(parent, context)).end()
    parent.end()
    child, root = recorder.ended
    assert child.parent_span_id == root.span_id
    assert root.parent_span_id is None
    assert child.trace_id == root.trace_id


def test_what_does_not_fit_json_is_normalised():
    tracer, recorder, *_ = _setup()
    span = tracer.start_span("odd", context=_session())
    span.set_attribute("big", 2**70)
    span.set_attribute("nul", "a\0b\ud800")
    span.set_attribute("nan", float("nan"))
    span.set_attribute("many", (1, 2, 3))
    span.end()
    text = encode_record(recorder.ended[0])
    assert b"\\u0000" not in text
    assert decode_record(text)


def test_with_content_off_nothing_but_the_allowlist_passes():
    tracer, recorder, *_ = _setup(Capture(content=False))
    span = tracer.start_span("SELECT secret", context=_session())
    span.set_attribute("db.statement", "SELECT secret")
    span.set_status(Status(StatusCode.ERROR, "secret"))
    span.add_event("note", {"text": "secret"})
    span.end()
    assert b"secret" not in encode_record(recorder.ended[0])
    assert recorder.ended[0].session_key == SESSION


def test_a_redactor_that_raises_lets_nothing_through_and_the_agent_goes_on():
    def redact(text: str, where: str) -> str:
        raise RuntimeError("redactor")

    from atlas_otel.capture.redaction import build_redactor

    tracer, recorder, *_ = _setup(Capture(redactor=build_redactor(redact)))
    span = tracer.start_span("chat", context=_session())
    span.set_attribute("gen_ai.prompt", "secret")
    span.end()
    assert b"secret" not in encode_record(recorder.ended[0])


def test_sanitising_that_fails_leaves_the_spans_place_only(monkeypatch):
    def broken(record, capture):
        raise RuntimeError("a defect")

    monkeypatch.setattr("atlas_otel.capture.privacy.sanitize_span", broken)
    tracer, recorder, *_ = _setup()
    span = tracer.start_span("secret", context=_session(), attributes={"secret": "secret"})
    span.end()
    (record,) = recorder.ended
    assert record.name == WITHHELD
    assert b"secret" not in encode_record(record)
    assert record.session_key == SESSION


def test_a_recorder_that_raises_does_not_reach_the_agent():
    tracer, recorder, _, processor = _setup()
    before = state.absorbed_counts()

    def broken(*args, **kwargs):
        raise RuntimeError("a defect")

    recorder.span_started = broken  # type: ignore[method-assign]
    recorder.span_ended = broken  # type: ignore[method-assign]
    tracer.start_span("a", context=_session()).end()
    after = state.absorbed_counts()
    assert after["on_start"] == before.get("on_start", 0) + 1
    assert after["on_end"] == before.get("on_end", 0) + 1
    assert processor._running == {}


def test_an_end_in_a_forked_child_is_counted_and_not_recorded(monkeypatch):
    tracer, recorder, *_ = _setup()
    span = tracer.start_span("a", context=_session())
    monkeypatch.setattr(fork, "_generation", fork.generation() + 1)
    span.end()
    assert recorder.forked == 1
    assert recorder.ended == []


def test_spans_that_never_end_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr("atlas_otel.sdk.processor.MAX_RUNNING", 10)
    tracer, recorder, _, processor = _setup()
    spans = [tracer.start_span(f"s{n}", context=_session()) for n in range(30)]
    assert len(processor._running) == 10
    spans[-1].end()
    assert len(recorder.ended) == 1


def test_many_threads_and_snapshots_at_once():
    tracer, recorder, *_ = _setup()
    stop = threading.Event()
    failures: list[BaseException] = []

    def look() -> None:
        try:
            while not stop.is_set():
                for running in recorder.started[-20:]:
                    running.snapshot()
                time.sleep(0)
        except BaseException as error:
            failures.append(error)

    def work() -> None:
        for _ in range(200):
            span = tracer.start_span("s", context=_session())
            for number in range(20):
                span.set_attribute(f"k{number}", number)
            span.end()

    looker = threading.Thread(target=look)
    workers = [threading.Thread(target=work) for _ in range(4)]
    for thread in (looker, *workers):
        thread.start()
    for thread in workers:
        thread.join()
    stop.set()
    looker.join()
    assert failures == []
    assert len(recorder.ended) == 800


def test_after_the_shutdown_only_what_ran_before_is_recorded():
    tracer, recorder, _, processor = _setup()
    before = tracer.start_span("before", context=_session())
    processor.shutdown()
    tracer.start_span("after", context=_session()).end()
    tracer.start_span("chat", context=Context(), attributes={"gen_ai.request.model": "x"}).end()
    before.end()
    assert [record.name for record in recorder.ended] == ["before"]
    assert len(recorder.started) == 1


def test_what_looks_like_a_model_call_and_is_not_understood_is_kept_and_counted_by_scope():
    tracer, recorder, *_ = _setup()
    cause = "not_understood some.instrumentation"
    before = state.absorbed_counts().get(cause, 0)
    unknown = {"acme.model": "m", "acme.usage.prompt_tokens": 3}
    tracer.start_span("call", context=Context(), attributes=unknown).end()
    tracer.start_span("chat", context=Context(), attributes={"gen_ai.request.model": "m"}).end()
    kept, _ = recorder.ended
    assert (kept.name, dict(kept.attributes)) == ("call", unknown)
    assert state.absorbed_counts()[cause] == before + 1
    assert "kept but not understood" in meaning(cause)

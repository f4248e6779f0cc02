"""Spans on their way over OTLP get what people look for; a receiver of ours gets the record back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

import atlas_otel as atlas
from atlas_otel import semconv
from atlas_otel.projection.trace_sessions import implicit_session
from atlas_otel.records.packing import pack_events
from atlas_otel.sdk import view_exporter
from atlas_otel.sdk.own_provider import OwnProvider
from atlas_otel.sdk.view_exporter import ViewExporter
from atlas_otel.settings import OtlpReceiver
from atlas_otel.testing import Recording
from atlas_otel.tracing import state
from atlas_otel.view.undone import as_recorded

LIMIT = 5_000
MESSAGES = [{"role": "user", "content": f"{n} " + "x" * 400} for n in range(30)]


class Kept(SpanExporter):
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.spans += spans
        return SpanExportResult.SUCCESS

    def named(self, name: str) -> dict[str, Any]:
        (found,) = [span for span in self.spans if span.name == name]
        return dict(found.attributes or {})


@atlas.llm(model="m", provider="p")
def complete(messages: list[dict[str, str]]) -> dict[str, Any]:
    return {"choices": [{"message": {"content": "Yes."}}], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}


@atlas.session(name="s", metadata={"tenant": "acme"})
def answer(task: str) -> str:
    complete([{"role": "system", "content": "Be brief."}, *MESSAGES])
    atlas.record_reward(1.0)
    return "Done."


def run(receiver: OtlpReceiver) -> Kept:
    kept = Kept()
    own = state.current().own
    assert isinstance(own, OwnProvider)
    processor = SimpleSpanProcessor(ViewExporter(kept, receiver=receiver, value_bytes=LIMIT))
    own.add_own(processor, take=lambda ended: processor.on_end(ended.readable()))
    answer("Is it?")
    return kept


def test_a_collector_gets_the_record_and_the_view(atlas_recording: Recording) -> None:
    kept = run("collector")
    for name in ("chat m", "invoke_agent s"):
        record, sent = atlas_recording.span(name), kept.named(name)
        back = dict(as_recorded(sent))
        packed = back.pop(semconv.ATLAS_EVENTS, None)
        assert back == record.attributes
        if name == "invoke_agent s":
            assert packed == pack_events(atlas_recording.events)
    call, root = kept.named("chat m"), kept.named("invoke_agent s")
    short = call[semconv.ATLAS_VIEW_SHORT_PREFIX + semconv.GEN_AI_INPUT_MESSAGES]
    assert len(short) <= LIMIT
    assert json.loads(short)[-1] == json.loads(call[semconv.GEN_AI_INPUT_MESSAGES])[-1]
    assert (root[semconv.GEN_AI_USAGE_INPUT_TOKENS], root["tenant"], root[semconv.ATLAS_ANSWER]) == (7, "acme", "Done.")
    assert json.loads(root[semconv.GEN_AI_SYSTEM_INSTRUCTIONS]) == [{"type": "text", "content": "Be brief."}]


def test_jaeger_gets_the_view_alone(atlas_recording: Recording) -> None:
    kept = run("jaeger")
    assert len(kept.named("chat m")[semconv.GEN_AI_INPUT_MESSAGES]) <= LIMIT
    sent = {key for span in kept.spans for key in span.attributes or {}}
    assert semconv.ATLAS_EVENTS not in sent
    assert not [key for key in sent if key.startswith(semconv.ATLAS_VIEW_SHORT_PREFIX)]


def test_others_root_says_which_session_it_is() -> None:
    kept = Kept()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(ViewExporter(kept, receiver="collector", value_bytes=LIMIT)))
    tracer = provider.get_tracer("others")
    with tracer.start_as_current_span("GET /") as request:
        with tracer.start_as_current_span("chat", attributes={semconv.GEN_AI_OPERATION_NAME: "chat"}):
            pass
        trace = format(request.get_span_context().trace_id, "032x")
    with tracer.start_as_current_span("GET /health"):
        pass
    root = kept.named("GET /")
    assert root[semconv.ATLAS_SESSION_ID] == implicit_session(trace)
    assert as_recorded(root) == {}
    assert semconv.ATLAS_SESSION_ID not in kept.named("chat")
    assert kept.named("GET /health") == {}


def test_a_view_that_cannot_be_made_loses_no_span(atlas_recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    def raises(*_: object, **__: object) -> None:
        raise ValueError

    monkeypatch.setattr(view_exporter, "view_of", raises)
    before = state.absorbed_counts().get("view", 0)
    kept = run("collector")
    assert [span.name for span in kept.spans] == ["chat m", "invoke_agent s"]
    assert state.absorbed_counts()["view"] == before + 2

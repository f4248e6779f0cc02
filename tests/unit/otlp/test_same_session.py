"""A run that was recorded in process, and the same run as OTLP carries it, come to the same rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import atlas_otel
from atlas_otel.capture.capture import Capture
from atlas_otel.models.rows import SessionRows
from atlas_otel.otlp.json import decode_tree
from atlas_otel.otlp.protobuf import decode_protobuf
from atlas_otel.projection.project import project
from atlas_otel.records.record import RANK_ENDED_OTLP, RecordSet, SpanRecord
from atlas_otel.testing import Recording, recording
from atlas_otel.tracing import state


@atlas_otel.tool
def search(query: str, limit: int = 3) -> dict[str, object]:
    if query == "fail":
        raise ValueError("no such page")
    return {"hits": [query] * limit, "text": "ä\u2028\U0001f600"}


@atlas_otel.llm
def model(messages: list[dict[str, str]]) -> str:
    return f"answer to {messages[-1]['content']}"


def small() -> None:
    with atlas_otel.session("find it", name="finder") as session:
        atlas_otel.set_plan([{"id": 1, "description": "look"}, {"id": 2, "description": "answer"}])
        with atlas_otel.step("look"):
            search("page")
            with pytest.raises(ValueError, match="no such page"):
                search("fail")
        atlas_otel.add_guidance("try again")
        with atlas_otel.step("answer"):
            model([{"role": "user", "content": "what"}])
            atlas_otel.record_reward(0.25)
        atlas_otel.record_reward(0.75, rationale="right")
        session.final_answer = {"text": "found"}


def failed() -> None:
    with pytest.raises(RuntimeError), atlas_otel.session("break", name="breaker"), atlas_otel.step("only"):
        raise RuntimeError("broken")


def many_events() -> None:
    with atlas_otel.session("long", name="long") as session:
        for number in range(400):
            atlas_otel.set_metadata({f"key {number}": number})
        for number in range(150):
            search(f"page {number}")
        session.final_answer = "done"


def exchange(run: Callable[[], None], limits: SpanLimits | None) -> tuple[Recording, list[Any]]:
    exporter = InMemorySpanExporter()
    # As configure() has it: records and spans say of the same process that they are its.
    before = state.install(replace(state.current(), resource=dict(Resource.create().attributes)))
    try:
        with recording(processors=[SimpleSpanProcessor(exporter)], limits=limits) as recorded:
            run()
    finally:
        state.install(before)
    return recorded, list(exporter.get_finished_spans())


@pytest.mark.parametrize("run", [small, failed, many_events])
@pytest.mark.parametrize("limits", [None, SpanLimits()], ids=["wide", "default"])
@pytest.mark.parametrize("encoding", ["protobuf", "json"])
def test_a_run_over_otlp_comes_to_the_same_rows(
    wire: Any, run: Callable[[], None], limits: SpanLimits | None, encoding: str
) -> None:
    recorded, spans = exchange(run, limits)
    (session,) = recorded.sessions()

    if encoding == "json":
        decoded = decode_tree(wire.json(spans), Capture())
    else:
        decoded = decode_protobuf(wire.protobuf(spans), Capture())

    assert {record.session_key for record in decoded.records} == {session}
    assert {record.rank for record in decoded.records if isinstance(record, SpanRecord)} == {RANK_ENDED_OTLP}
    assert project(RecordSet(decoded.records)) == recorded.rows()


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_both_copies_in_any_order_are_one_run(wire: Any, data: st.DataObject) -> None:
    """What the agent stored itself and what came through a collector meet in one database."""
    recorded, spans = exchange(small, None)
    over_otlp = decode_protobuf(wire.protobuf(spans), Capture()).records
    some = data.draw(st.lists(st.sampled_from(over_otlp)))
    records = data.draw(st.permutations([*recorded.all, *some]))
    rows: SessionRows | None = project(RecordSet(records))
    assert rows == recorded.rows()

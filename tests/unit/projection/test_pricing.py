"""What model calls cost stands on their records, and is summed as their tokens are: each call once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

import atlas_otel as atlas
from atlas_otel import semconv
from atlas_otel.projection import pricing
from atlas_otel.projection.pricing import priced
from atlas_otel.projection.project import project
from atlas_otel.records.record import RecordSet, SpanRecord
from atlas_otel.testing import Recording


def answer(tokens: int) -> dict[str, Any]:
    return {"choices": [{"message": {"content": "hi"}}], "usage": {"prompt_tokens": tokens, "completion_tokens": 10}}


@atlas.llm(model="gpt-4o-mini", provider="openai")
def known(messages: list[dict[str, str]]) -> Any:
    return answer(1_000)


@atlas.llm(model="my-model", provider="my-server")
def unknown(messages: list[dict[str, str]]) -> Any:
    return answer(10)


@atlas.llm(model="o3", provider="openai")
def outer(messages: list[dict[str, str]]) -> Any:
    return known(messages)


@atlas.llm(model="gpt-4o")
def silent(messages: list[dict[str, str]]) -> str:
    return "no counts"


def metadata(recorded: Recording) -> dict[str, Any]:
    rows = project(RecordSet(priced([*recorded.spans, *recorded.events])))
    assert rows is not None
    return dict(rows.session.metadata)


def test_only_calls_that_say_what_they_used_are_priced(atlas_recording: Recording) -> None:
    with atlas.session("t"):
        known([])
        unknown([])
        silent([])
        with atlas.tool("look"):
            pass
    said = {
        span.name: {k: v for k, v in span.attributes.items() if k.startswith("atlas.cost.")}
        for span in priced(atlas_recording.spans)
        if isinstance(span, SpanRecord)
    }
    assert said["chat gpt-4o-mini"] == {semconv.ATLAS_COST_USD: pytest.approx(0.000156)}
    assert said["chat my-model"] == {semconv.ATLAS_COST_UNKNOWN: True}
    assert said["chat gpt-4o"] == said["execute_tool look"] == {}


def test_a_session_says_what_is_known_and_how_much_is_not(atlas_recording: Recording) -> None:
    with atlas.session("t"):
        outer([])  # says what the call within it says too: one price
        unknown([])
    assert metadata(atlas_recording)["cost"] == {"usd": pytest.approx(0.000156), "unknown_calls": 1}


def test_a_priced_call_says_so_in_its_event(atlas_recording: Recording) -> None:
    with atlas.session("t"):
        known([])
        unknown([])
    rows = project(RecordSet(priced([*atlas_recording.spans, *atlas_recording.events])))
    assert rows is not None
    payloads = [json.loads(event.event)["payload"] for event in rows.events]
    costs = [one["metadata"].get("cost_usd") for one in payloads if one["event_type"] == "LLM_END"]
    assert costs == [pytest.approx(0.000156), None]


def test_where_nothing_is_known_no_sum_is_claimed(atlas_recording: Recording) -> None:
    with atlas.session("t"):
        unknown([])
    assert metadata(atlas_recording)["cost"] == {"unknown_calls": 1}


def test_without_model_calls_there_is_no_cost(atlas_recording: Recording) -> None:
    with atlas.session("t"):
        silent([])
    assert "cost" not in metadata(atlas_recording)


def test_a_stream_says_when_its_first_piece_came(atlas_recording: Recording) -> None:
    @atlas.llm(model="m")
    def stream(messages: list[dict[str, str]]) -> Iterator[str]:
        yield from ("a", "b", "c")

    @atlas.observe
    def other() -> Iterator[str]:
        yield "a"

    with atlas.session("t"):
        list(stream([]))
        list(other())
    key = semconv.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK
    span = atlas_recording.span("chat m")
    assert span.end_ns is not None
    took = span.attributes[key]
    assert isinstance(took, float)
    assert 0 < took * 1e9 < span.end_ns - span.start_ns, "by the stepped clock, before the later pieces"
    assert key not in atlas_recording.span("other").attributes


def test_pricing_twice_changes_nothing(atlas_recording: Recording) -> None:
    with atlas.session("t"):
        known([])
    once = priced(atlas_recording.spans)
    assert priced(once) == once


def test_without_prices_records_are_the_very_same(atlas_recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    with atlas.session("t"):
        known([])
    monkeypatch.setattr(pricing, "available", lambda: False)
    held = atlas_recording.spans
    assert priced(held) is held

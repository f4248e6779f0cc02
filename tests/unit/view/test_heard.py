"""A trace that comes back from Jaeger has its plan, rewards, verdicts and notes, as its logs show them."""

from __future__ import annotations

import json

import atlas_otel as atlas
from atlas_otel import semconv
from atlas_otel.capture.capture import Capture
from atlas_otel.otlp.attributes import Keeper
from atlas_otel.otlp.spans import RawSpan, records_of
from atlas_otel.records.record import EventRecord, SpanEvent
from atlas_otel.testing import recording
from atlas_otel.view.heard import heard
from atlas_otel.view.said import said

SHOWN = {
    semconv.EVENT_REWARD: {semconv.GEN_AI_EVALUATION_NAME: "reward", semconv.GEN_AI_EVALUATION_SCORE: 0.5},
    semconv.EVENT_VALIDATION: {semconv.ATLAS_VALIDATION_VALID: False},
    semconv.EVENT_ADAPTER: {semconv.ATLAS_NAME: "seen"},
}


def reported() -> list[EventRecord]:
    with recording() as recorded:
        with atlas.session("t", name="s"):
            atlas.set_plan([{"description": "Look. Well", "tool": "eye", "depends_on": []}, "Say"])
            atlas.add_guidance("closer", step=1, attempt=2)
            atlas.set_validation(False, reason="too far", rows=2)
            atlas.record_reward(0.5, rationale="half", judge="me", primary=True)
            atlas.emit_event("seen", {"bird": "heron"})
            atlas.set_metadata(a=1)
        return recorded.events


def shown(event: EventRecord) -> SpanEvent:
    facts = {**SHOWN.get(event.name, {}), semconv.ATLAS_EVENT_PAYLOAD: event.payload}
    return SpanEvent(event.name, event.sequence, said(event.name, facts))


def whole(payload: str) -> object:
    """Without what says nothing."""

    def lean(tree: object) -> object:
        if isinstance(tree, dict):
            return {key: lean(value) for key, value in tree.items() if value not in (None, [], {})}
        return [lean(one) for one in tree] if isinstance(tree, list) else tree

    return lean(json.loads(payload))


def test_what_was_shown_is_heard() -> None:
    events = reported()
    assert len(events) == 6
    for event in events:
        back = heard(shown(event), event.trace_id, event.span_id, event.session_key)
        assert back is not None, event.name
        assert back._replace(payload="") == event._replace(payload="")
        assert whole(back.payload) == whole(event.payload)


def test_others_events_and_unreadable_ones_stay_events() -> None:
    for name, attributes in (
        ("exception", {"exception.type": "E"}),
        (semconv.EVENT_REWARD, {semconv.GEN_AI_EVALUATION_NAME: "reward"}),
        (semconv.EVENT_PLAN, {semconv.ATLAS_PLAN_LINES: ["no number"]}),
        (semconv.EVENT_GUIDANCE, {}),
        (semconv.EVENT_VALIDATION, {semconv.ATLAS_EVENT_PAYLOAD: "no json"}),
        (semconv.EVENT_METADATA, {semconv.ATLAS_METADATA: "[]"}),
        (semconv.EVENT_ADAPTER, {}),
    ):
        assert heard(SpanEvent(name, 1, attributes), "a" * 32, "b" * 16, None) is None


def test_a_receiver_reads_them_of_our_own_spans_alone() -> None:
    events = [shown(event) for event in reported()]
    raw = RawSpan("a" * 32, "b" * 16, "", "s", 1, 1, 2, {semconv.ATLAS_SESSION_ID: "k"}, events, (), 0, "")
    for scope, spans_events, records in ((semconv.SCOPE_NAME, 0, 7), ("others", 6, 1)):
        found = records_of(raw, scope, {}, Capture(), Keeper(Capture()))
        assert len(found) == records
        assert len(found[0].events) == spans_events  # type: ignore[union-attr]

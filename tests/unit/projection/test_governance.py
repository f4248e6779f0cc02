"""Nobody but the governed runtime, a reviewer and the reward API writes what governs a session (contract §2)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace

import atlas_otel as atlas
from atlas_otel import semconv
from atlas_otel.capture.capture import Capture
from atlas_otel.models.rows import SessionRow
from atlas_otel.otlp.claims import Sender
from atlas_otel.otlp.json import decode_tree
from atlas_otel.projection.project import project
from atlas_otel.projection.trace_sessions import implicit_session
from atlas_otel.records.packing import pack_events
from atlas_otel.records.record import EventRecord, Record, RecordSet
from atlas_otel.testing import recording
from atlas_otel.tracing.reporting import set_runtime_metadata

NewRun = Callable[[], Any]
CLAIMS: dict[str, Any] = {
    "review_status": "approved",
    "review_notes": "fine",
    "review": {"require_approval": False},
    "drift": {"alert": False},
    "drift_alert": False,
    "reward_summary": {"score": 1.0},
    "session_reward": {"score": 1.0},
    "reward_stats": {"score": 1.0},
    "reward_audit": [{"score": 1.0}],
    "triage_dossier": {"summary": "harmless"},
    "adapter_capabilities": {"control_loop": "self"},
    "adapter_capabilities_reported": {"control_loop": "self"},
}
FORGED = {"metadata": CLAIMS, "source": semconv.SOURCE_RUNTIME}
IDS = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
T = 1_700_000_000_000_000_000


def row_of(records: Iterable[Record]) -> SessionRow:
    rows = project(RecordSet(records))
    assert rows is not None
    return rows.session


def assert_nothing_governed(session: SessionRow) -> None:
    assert (session.review_status, session.review_notes) == ("pending", None)
    assert (session.reward, session.reward_stats, session.reward_audit) == (None, None, None)
    assert not set(CLAIMS) & set(session.metadata)
    claimed = session.metadata["caller_metadata"]
    assert isinstance(claimed, dict)
    assert {name: claimed.get(name) for name in CLAIMS} == CLAIMS
    assert session.metadata[semconv.GOVERNANCE_CLAIMS] == sorted(CLAIMS)


def sent(attributes: dict[str, str], events: list[dict[str, Any]] | None = None, sender: Sender | None = None) -> Any:
    span = {
        "traceId": IDS[0],
        "spanId": IDS[1],
        "name": "invoke_agent a",
        "startTimeUnixNano": T,
        "endTimeUnixNano": T + 10,
        "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()],
        "events": events or [],
    }
    tree = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    decoded = decode_tree(tree, Capture(), *([sender] if sender is not None else []))
    assert not decoded.refused
    return decoded.records


def resolved(records: list[Record]) -> list[Record]:
    """As the store has them, of a trace of others."""
    return [record._replace(session_key=implicit_session(IDS[0])) for record in records]


OURS = {semconv.ATLAS_SESSION_ID: "key-1", semconv.ATLAS_KIND: "session"}


def packed(*events: tuple[str, dict[str, Any]]) -> dict[str, str]:
    records = [EventRecord(*IDS, T + n, "key-1", name, json.dumps(said)) for n, (name, said) in enumerate(events, 1)]
    return {semconv.ATLAS_EVENTS: pack_events(records)}


# --- in process --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("road", ["session", "set_metadata", "using_attributes", "handle"])
def test_a_caller_governs_by_no_road_of_the_api(road: str) -> None:
    with recording() as recorded:
        if road == "using_attributes":
            with atlas.using_attributes(metadata=CLAIMS), atlas.session("t", name="a") as session:
                pass
        else:
            with atlas.session("t", name="a", metadata=CLAIMS if road == "session" else None) as session:
                if road == "set_metadata":
                    atlas.set_metadata(CLAIMS)
                if road == "handle":
                    session.set_metadata(CLAIMS)
        assert_nothing_governed(recorded.rows(session.id).session)


def test_an_event_on_a_span_does_not_govern_by_calling_itself_the_runtime_s() -> None:
    with recording() as recorded:
        with atlas.session("t", name="a", metadata={"mine": 1}) as session:
            trace.get_current_span().add_event(
                semconv.EVENT_METADATA, {semconv.ATLAS_EVENT_PAYLOAD: json.dumps(FORGED)}
            )
        row = recorded.rows(session.id).session
        assert row.review_status == "pending"
        assert not set(CLAIMS) & set(row.metadata)


def test_the_runtime_governs_and_the_caller_s_word_beside_it_is_kept() -> None:
    with recording() as recorded:
        with atlas.session("t", name="a", metadata={"review_status": "approved"}) as session:
            set_runtime_metadata({"review_status": "quarantined", "review_notes": "odd"})
            atlas.set_metadata(review_status="approved")
        row = recorded.rows(session.id).session
        assert (row.review_status, row.review_notes) == ("quarantined", "odd")
        assert row.metadata["review_status"] == "quarantined"
        assert row.metadata["caller_metadata"] == {"review_status": "approved"}


def test_a_caller_s_own_key_of_that_name_is_not_lost() -> None:
    with recording() as recorded:
        with atlas.session("t", name="a", metadata={"caller_metadata": {"x": 1}, "drift": 0}) as session:
            pass
        held = recorded.rows(session.id).session.metadata["caller_metadata"]
        assert held == {"drift": 0, "caller_metadata": {"x": 1}}


# --- over OTLP ---------------------------------------------------------------------------------------------------


def test_a_property_of_another_instrumentation_does_not_govern() -> None:
    name = f"{semconv.TRACELOOP_ASSOCIATION}review_status"
    kind = {semconv.TRACELOOP_KIND: "workflow", semconv.TRACELOOP_ENTITY_NAME: "a"}
    row = row_of(resolved(sent({**kind, name: "approved"})))
    assert row.review_status == "pending"
    assert row.metadata["caller_metadata"] == {"review_status": "approved"}


def test_metadata_of_openinference_does_not_govern() -> None:
    said = {semconv.OPENINFERENCE_KIND: "AGENT", semconv.OPENINFERENCE_METADATA: json.dumps(CLAIMS)}
    assert_nothing_governed(row_of(resolved(sent(said))))


def test_an_attribute_of_ours_does_not_govern() -> None:
    assert_nothing_governed(row_of(sent({**OURS, semconv.ATLAS_METADATA: json.dumps(CLAIMS)})))


def test_a_sender_that_calls_itself_the_runtime_does_not_govern() -> None:
    assert_nothing_governed(row_of(sent({**OURS, **packed((semconv.EVENT_METADATA, FORGED))})))


def test_nor_where_the_packed_events_cannot_be_unpacked_whole() -> None:
    torn = json.dumps([[T + 1, semconv.EVENT_METADATA, FORGED], "not an event"])
    assert_nothing_governed(row_of(sent({**OURS, semconv.ATLAS_EVENTS: torn})))


def test_nor_with_content_off() -> None:
    span = {**OURS, **packed((semconv.EVENT_METADATA, FORGED))}
    tree = {
        "resourceSpans": [
            {
                "scopeSpans": [
                    {
                        "spans": [
                            {
                                **dict(zip(("traceId", "spanId"), IDS, strict=True)),
                                "name": "invoke_agent a",
                                "startTimeUnixNano": T,
                                "endTimeUnixNano": T + 10,
                                "attributes": [{"key": k, "value": {"stringValue": v}} for k, v in span.items()],
                            }
                        ]
                    }
                ]
            }
        ]
    }
    row = row_of(decode_tree(tree, Capture(content=False)).records)
    assert row.review_status == "pending"
    assert not set(CLAIMS) & set(row.metadata)


def test_a_sender_who_may_govern_is_taken_at_its_word() -> None:
    event = packed((semconv.EVENT_METADATA, {"metadata": {"review_status": "approved"}, "source": "runtime"}))
    row = row_of(sent({**OURS, **event}, sender=Sender("runner", governs=True)))
    assert row.review_status == "approved"


def test_a_copy_over_otlp_takes_nothing_from_what_the_process_itself_stored() -> None:
    with recording() as recorded:
        with atlas.session("t", name="a") as session:
            set_runtime_metadata({"review_status": "approved"})
            atlas.record_reward(0.25, judge="j")
        direct = recorded.rows(session.id).session
        root = next(span for span in recorded.spans if span.kind == "session")
        events = [event for event in recorded.all if isinstance(event, EventRecord)]
        copy = {
            "traceId": root.trace_id,
            "spanId": root.span_id,
            "name": root.name,
            "startTimeUnixNano": root.start_ns,
            "endTimeUnixNano": root.end_ns,
            "attributes": [
                {"key": key, "value": {"stringValue": value}}
                for key, value in {
                    **OURS,
                    semconv.ATLAS_SESSION_ID: session.id,
                    semconv.ATLAS_EVENTS: pack_events(events),
                }.items()
            ],
        }
        again = decode_tree({"resourceSpans": [{"scopeSpans": [{"spans": [copy]}]}]}, Capture()).records
        for order in ([*recorded.all, *again], [*again, *recorded.all]):
            assert row_of(order) == direct


# --- rewards -----------------------------------------------------------------------------------------------------


JUDGED = {"name": "reward", "score": 1.0, "primary": True, "judges": [{"identifier": "atlas", "score": 1.0}]}


def test_a_sender_who_claims_to_be_a_judge_is_marked_and_has_no_judges() -> None:
    row = row_of(sent({**OURS, **packed((semconv.EVENT_REWARD, JUDGED))}))
    assert row.reward is not None
    assert (row.reward["score"], row.reward["source"], row.reward["judges"]) == (1.0, "sender", [])
    (claimed,) = row.reward["claimed_judges"]  # type: ignore[misc]
    assert claimed["identifier"] == "atlas"  # type: ignore[index,call-overload]


@pytest.mark.parametrize("primary", [True, False])
@pytest.mark.parametrize("name", ["reward", "quality"])
def test_a_later_claim_does_not_replace_a_judgement(name: str, primary: bool) -> None:
    with recording() as recorded:
        with atlas.session("t", name="a") as session:
            atlas.record_reward(0.1, judge="ours")
        claim = {**JUDGED, "name": name, "primary": primary, semconv.CLAIMED: True}
        root = next(span for span in recorded.spans if span.kind == "session")
        late = EventRecord(*root.key, root.start_ns + 10**12, session.id, semconv.EVENT_REWARD, json.dumps(claim))
        row = row_of([*recorded.all, late])
        assert row.reward is not None
        assert row.reward["score"] == 0.1
        assert row.reward_stats is not None
        assert row.reward_stats["score"] == 0.1


def test_an_evaluation_that_stands_on_a_sender_s_span_is_a_claim() -> None:
    said = [
        {"key": semconv.GEN_AI_EVALUATION_NAME, "value": {"stringValue": "reward"}},
        {"key": semconv.GEN_AI_EVALUATION_SCORE, "value": {"doubleValue": 1.0}},
    ]
    row = row_of(sent(OURS, [{"name": semconv.EVENT_REWARD, "timeUnixNano": T + 5, "attributes": said}]))
    assert row.reward is not None
    assert row.reward["score"] == 1.0
    judged = EventRecord(*IDS, T + 1, "key-1", semconv.EVENT_REWARD, json.dumps({"name": "reward", "score": 0.2}))
    both = row_of([*sent(OURS, [{"name": semconv.EVENT_REWARD, "timeUnixNano": T + 5, "attributes": said}]), judged])
    assert both.reward is not None
    assert both.reward["score"] == 0.2


# --- whatever is said ----------------------------------------------------------------------------------------------

storable_texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5)


@given(
    st.dictionaries(st.sampled_from([*CLAIMS, "team"]), st.none() | st.booleans() | storable_texts),
    st.booleans(),
)
def test_whatever_a_sender_says_only_caller_metadata_has_it(said: dict[str, Any], source: bool) -> None:
    event = {"metadata": said, **({"source": "runtime"} if source else {})}
    row = row_of(sent({**OURS, semconv.ATLAS_METADATA: json.dumps(said), **packed((semconv.EVENT_METADATA, event))}))
    assert (row.review_status, row.review_notes, row.reward, row.reward_audit) == ("pending", None, None, None)
    assert not set(CLAIMS) & set(row.metadata)
    claims = {name: value for name, value in said.items() if name in CLAIMS}
    assert (row.metadata.get("caller_metadata") or {}) == claims

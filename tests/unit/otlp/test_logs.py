"""Log records as events on spans: what is taken, in both encodings, and that it is the same when it comes again."""

from __future__ import annotations

import random
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from atlas_otel import semconv
from atlas_otel.capture.capture import Capture, Limits
from atlas_otel.capture.redaction import build_redactor
from atlas_otel.errors import RecordError
from atlas_otel.otlp.logs import RawLog, decode_logs_json, decode_logs_protobuf, event_records
from atlas_otel.projection.project import SessionFold, project
from atlas_otel.records.record import RANK_ENDED_OTLP, EventRecord, Record, RecordSet, SpanRecord
from tests.support.records import make_span

T = 1_700_000_000_000_000_000
TRACE, SPAN = "1" * 32, "2" * 16
CAPTURE = Capture()


def log(name: str, body: Any = None, *, at: int = T, **attributes: Any) -> RawLog:
    return RawLog(TRACE, SPAN, name, at, attributes, body)


SAID = [
    log("gen_ai.system.message", {"content": "Be brief."}, at=T),
    log("gen_ai.user.message", {"content": "Why?"}, at=T),
    log("gen_ai.choice", {"finish_reason": "stop", "message": {"role": "assistant", "content": "So."}}),
]


def call() -> SpanRecord:
    return make_span(
        trace_id=TRACE,
        span_id=SPAN,
        session_key="s" * 32,
        name="chat m",
        span_kind=2,
        start_ns=T,
        end_ns=T + 1000,
        attributes={semconv.GEN_AI_OPERATION_NAME: "chat", semconv.GEN_AI_REQUEST_MODEL: "m"},
        scope="other",
        rank=RANK_ENDED_OTLP,
        version=T,
    )


def in_session(events: list[EventRecord]) -> list[Record]:
    return [call(), *(event._replace(session_key="s" * 32) for event in events)]


def test_messages_are_the_call_s_own() -> None:
    events = event_records(SAID, CAPTURE)
    assert [event.sequence - T for event in events] == [0, 1, 2], "one after the other, though at one time"
    rows = project(RecordSet(in_session(events)))
    assert rows is not None
    assert (rows.session.task, rows.session.final_answer) == ("Why?", "So.")
    start, end = (orjson.loads(event.event)["payload"] for event in rows.events)
    assert [message["role"] for message in start["data"]["input"]] == ["system", "user"]
    assert end["data"]["output"][0]["parts"] == [{"type": "text", "content": "So."}]


@given(seed=st.randoms(use_true_random=False), looks=st.lists(st.booleans(), min_size=4, max_size=4))
def test_order_and_batches_change_nothing(seed: random.Random, looks: list[bool]) -> None:
    records = in_session(event_records(SAID, CAPTURE))
    whole = project(RecordSet(records))
    seed.shuffle(records)
    fold = SessionFold()
    for record, look in zip([*records], looks, strict=True):
        fold.add(record)
        if look:
            fold.rows()
    assert fold.rows() == whole


def test_the_current_form_of_the_conventions() -> None:
    messages = [{"role": "user", "parts": [{"type": "text", "content": "Why?"}]}]
    details = RawLog(TRACE, SPAN, semconv.EVENT_GEN_AI_DETAILS, T, {semconv.GEN_AI_INPUT_MESSAGES: messages}, None)
    rows = project(RecordSet(in_session(event_records([details], CAPTURE))))
    assert rows is not None
    assert rows.session.task == "Why?"


def test_an_evaluation_is_a_reward() -> None:
    scored = RawLog(
        TRACE, SPAN, semconv.EVENT_REWARD, T + 5,
        {semconv.GEN_AI_EVALUATION_NAME: "relevance", semconv.GEN_AI_EVALUATION_SCORE: 0.5,
         semconv.GEN_AI_EVALUATION_EXPLANATION: "it is"}, None,
    )  # fmt: skip
    rows = project(RecordSet(in_session(event_records([scored], CAPTURE))))
    assert rows is not None
    assert rows.session.reward is not None
    assert rows.session.reward["score"] == 0.5
    assert rows.session.reward["rationale"] == "it is"


@pytest.mark.parametrize(
    "other",
    [
        log("app.started", {"content": "x"}),
        log("gen_ai.user.message", {"content": "x"})._replace(trace_id=""),
        log("gen_ai.user.message", {"content": "x"})._replace(span_id="0" * 16),
        log("gen_ai.user.message", {"content": "x"})._replace(trace_id="z" * 32),
        log("gen_ai.user.message", {"content": "x"}, at=0),
        log("gen_ai.user.message", {"content": "x"}, at=2**64 - 1),
    ],
)
def test_other_logs_are_let_go(other: RawLog) -> None:
    assert event_records([other], CAPTURE) == []


def test_content_is_kept_out_or_redacted_where_that_is_asked_for() -> None:
    secret = log("gen_ai.user.message", {"content": "my key is sk-ant-REDACTED-and-longer"})
    assert event_records([*SAID, secret], Capture(content=False)) == []
    (event,) = event_records([secret], Capture(redactor=build_redactor(["secrets"])))
    assert "sk-ant" not in event.payload


@pytest.mark.parametrize("body", [{"content": "x" * 5000}, {"content": ["y" * 200] * 100}])
def test_a_long_one_is_cut_and_stays_json(body: dict[str, Any]) -> None:
    (event,) = event_records([log("gen_ai.user.message", body)], Capture(Limits(200, 1000)))
    assert len(event.payload) <= 1000
    assert "atlas" in orjson.dumps(orjson.loads(event.payload)).decode()


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(one) for one in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": _pairs(value)}}
    return {"stringValue": value}


def _pairs(held: Any) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in held.items()]


def _set(target: Any, value: Any) -> None:
    if isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, int):
        target.int_value = value
    elif isinstance(value, list):
        target.array_value.SetInParent()
        for one in value:
            _set(target.array_value.values.add(), one)
    elif isinstance(value, dict):
        target.kvlist_value.SetInParent()
        for key, one in value.items():
            _set(target.kvlist_value.values.add(key=key).value, one)
    else:
        target.string_value = value


BODIES = st.recursive(
    st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["gen_ai.user.message", "gen_ai.choice", semconv.EVENT_GEN_AI_DETAILS, "other"])
LOGS = st.lists(st.builds(log, NAMES, st.dictionaries(st.text(max_size=5), BODIES, max_size=3),
                          at=st.integers(T, T + 2)), max_size=5)  # fmt: skip


@given(logs=LOGS, named=st.booleans())
def test_both_encodings_say_the_same(logs: list[RawLog], named: bool) -> None:
    request, records = ExportLogsServiceRequest(), []
    held = request.resource_logs.add().scope_logs.add().log_records
    for one in logs:
        made = held.add(trace_id=bytes.fromhex(TRACE), span_id=bytes.fromhex(SPAN), observed_time_unix_nano=one.time_ns)
        _set(made.body, one.body)
        record = {"traceId": TRACE, "spanId": SPAN, "timeUnixNano": str(one.time_ns), "body": _value(one.body)}
        if named:
            made.event_name = record["eventName"] = one.name
        else:
            _set(made.attributes.add(key="event.name").value, one.name)
            record["attributes"] = _pairs({"event.name": one.name})
        records.append(record)
    tree = {"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}
    decoded = decode_logs_protobuf(request.SerializeToString(), CAPTURE)
    assert decoded == decode_logs_json(orjson.dumps(tree), CAPTURE)
    assert len({event.key for event in decoded}) == len(decoded) == sum(one.name != "other" for one in logs)
    for event in decoded:
        assert isinstance(orjson.loads(event.payload), dict)


@given(body=st.binary(max_size=60))
def test_what_is_none_is_refused_and_breaks_nothing(body: bytes) -> None:
    for decode in (decode_logs_json, decode_logs_protobuf):
        with suppress(RecordError):
            decode(body, CAPTURE)


def test_a_string_that_is_not_utf_8_costs_none_of_the_others() -> None:
    request = ExportLogsServiceRequest()
    held = request.resource_logs.add().scope_logs.add().log_records
    for number, said in enumerate(("BAD", "good")):
        made = held.add(
            trace_id=bytes.fromhex(TRACE), span_id=bytes.fromhex(SPAN), time_unix_nano=T + number,
            event_name="gen_ai.user.message",
        )  # fmt: skip
        _set(made.body, {"content": said})
    body = request.SerializeToString().replace(b"BAD", b"B\xffD")
    events = decode_logs_protobuf(body, CAPTURE)
    assert [orjson.loads(event.payload)["content"] for event in events] == ["B\ufffdD", "good"]

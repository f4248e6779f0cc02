"""Records of a lake find their sessions as those in a store do, in any order."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from atlas_otel import semconv
from atlas_otel.lake.placing import by_session, place
from atlas_otel.projection.trace_sessions import implicit_session
from atlas_otel.records.record import EventRecord, Record
from tests.support.records import make_span

TRACE, OTHER = "1" * 32, "2" * 32
AGENT = {semconv.GEN_AI_OPERATION_NAME: "invoke_agent"}


def placed(records: list[Record]) -> dict[tuple[object, ...], str | None]:
    return {record.key: found for found, record in place(records)}


def test_a_trace_by_itself_is_a_session_once_it_holds_an_agent() -> None:
    plain, agent = make_span(span_id="a" * 16), make_span(span_id="b" * 16, attributes=AGENT)
    assert placed([plain]) == {plain.key: None}
    assert set(placed([plain, agent]).values()) == {implicit_session(TRACE)}


def test_a_record_goes_to_its_nearest_ancestors_session_then_to_the_traces_only_one() -> None:
    outer = make_span(span_id="a" * 16, session_key="outer")
    inner = make_span(span_id="b" * 16, session_key="inner", parent_span_id="a" * 16)
    leaf = make_span(span_id="c" * 16, parent_span_id="b" * 16)
    lost = make_span(span_id="d" * 16, parent_span_id="f" * 16)
    on_leaf = EventRecord(TRACE, "c" * 16, 1, None, "n", "{}")
    found = placed([outer, inner, leaf, lost, on_leaf])
    assert (found[leaf.key], found[on_leaf.key], found[lost.key]) == ("inner", "inner", None)
    assert placed([outer, lost])[lost.key] == "outer"


def test_a_late_reward_goes_where_its_target_is() -> None:
    target = make_span(span_id="a" * 16, session_key="s")
    attributes = {semconv.ATLAS_TARGET_TRACE_ID: TRACE, semconv.ATLAS_TARGET_SPAN_ID: "a" * 16}
    late = make_span(trace_id=OTHER, kind="reward", attributes=attributes)
    on_late = EventRecord(OTHER, late.span_id, 1, None, "gen_ai.evaluation.result", "{}")
    assert placed([target, late, on_late]) == {target.key: "s", late.key: "s", on_late.key: "s"}
    assert placed([late]) == {late.key: None}


def test_what_was_found_stands_in_the_record() -> None:
    (records,) = by_session([make_span(attributes=AGENT)]).values()
    assert {record.session_key for record in records} == {implicit_session(TRACE)}


numbers = st.sampled_from("abcd")
some_spans = st.builds(
    lambda trace, number, parent, key, agent: make_span(
        trace_id=trace,
        span_id=number * 16,
        parent_span_id=parent and parent * 16,
        session_key=key,
        attributes=AGENT if agent else {},
    ),
    st.sampled_from([TRACE, OTHER]),
    numbers,
    st.none() | numbers,
    st.sampled_from([None, None, "x", "y"]),
    st.booleans(),
)
some_events = st.builds(
    lambda trace, number, key: EventRecord(trace, number * 16, 1, key, "n", "{}"),
    st.sampled_from([TRACE, OTHER]),
    numbers,
    st.sampled_from([None, "x"]),
)


@given(st.lists(some_spans | some_events, max_size=8), st.randoms(use_true_random=False))
def test_order_and_duplicates_change_nothing(records: list[Record], chance: random.Random) -> None:
    again = records + records[:3]
    chance.shuffle(again)
    assert placed(records) == placed(again)

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from atlas_otel.projection.trace_sessions import TraceSessions, TraceSpan, implicit_session

TRACE = "7" * 32
ids = st.integers(0, 11).map(str)
spans_of_a_trace = st.lists(
    st.builds(TraceSpan, ids, st.none() | ids, st.none() | st.sampled_from(["s1", "s2"]), st.booleans()),
    unique_by=lambda span: span.span_id,
)


def slow_answer(spans: list[TraceSpan], span_id: str, telling: bool) -> str | None:
    """The rules, word by word."""
    by_id = {span.span_id: span for span in spans}
    current: str | None = span_id
    for _ in range(len(spans) + 1):
        if current is None or current not in by_id:
            break
        if by_id[current].named is not None:
            return by_id[current].named
        current = by_id[current].parent_span_id
    named = {span.named for span in spans if span.named is not None and not span.reward}
    if len(named) == 1:
        return named.pop()
    return implicit_session(TRACE) if telling and not named else None


@given(spans_of_a_trace, st.booleans(), st.data())
def test_the_rules_hold_in_any_order(spans: list[TraceSpan], telling: bool, data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(spans))
    sessions = TraceSessions(TRACE, shuffled, telling=telling)
    for span_id in data.draw(st.permutations([str(n) for n in range(13)])):
        assert sessions.of(span_id) == slow_answer(spans, span_id, telling)


def test_the_implicit_key_is_stable_and_not_the_trace_id() -> None:
    assert implicit_session(TRACE) == implicit_session(TRACE) == "b8008b965240fe5f53d4ed319fbbf370"
    assert implicit_session(TRACE) != implicit_session("8" * 32)

"""What ended spans tell about the agents around them."""

from __future__ import annotations

from atlas_otel import semconv
from atlas_otel.projection.trace_sessions import implicit_session
from atlas_otel.view.trace_book import Ended, TraceBook

TRACE = "a" * 32
ROOT = Ended("root", None, "session", "key")


def book(*spans: Ended) -> TraceBook:
    made = TraceBook()
    for span in spans:
        made.note(TRACE, span)
    return made


def call(span_id: str, parent: str, tokens: int | None, **more: object) -> Ended:
    return Ended(span_id, parent, "llm", "key", tokens, tokens)._replace(**more)


def test_tokens_are_the_innermost_calls_that_say_so() -> None:
    inner, outer = call("inner", "outer", 5), call("outer", "root", 7)
    judge, silent = call("judge", "root", 100, actor="teacher"), call("silent", "root", None)
    other = Ended("sub", "root", "session", "other")
    found = book(inner, outer, judge, silent, call("its", "sub", 50), other, ROOT).about(TRACE, ROOT)
    assert found == {semconv.GEN_AI_USAGE_INPUT_TOKENS: 5, semconv.GEN_AI_USAGE_OUTPUT_TOKENS: 5}


def test_costs_are_summed_and_unknown_ones_counted() -> None:
    calls = [call("a", "root", 1, cost=0.25, priced=True), call("b", "root", 1, priced=True)]
    found = book(*calls, ROOT).about(TRACE, ROOT)
    assert (found[semconv.ATLAS_COST_USD], found[semconv.ATLAS_COST_UNKNOWN_CALLS]) == (0.25, 1)


def test_prompt_and_tools_are_those_of_an_agents_own_first_call() -> None:
    agent = Ended("agent", "root", "agent", "key")
    spans = [
        call("late", "agent", 1, system="late", start_ns=9),
        call("early", "agent", 1, system="early", tools="[]", start_ns=3),
        agent,
        call("mine", "root", 1, system="root's", start_ns=1),
        ROOT,
    ]
    found = book(*spans).about(TRACE, agent)
    assert found == {semconv.GEN_AI_SYSTEM_INSTRUCTIONS: "early", semconv.GEN_AI_TOOL_DEFINITIONS: "[]"}
    assert book(*spans).about(TRACE, ROOT)[semconv.GEN_AI_SYSTEM_INSTRUCTIONS] == "root's"


def test_the_session_of_a_trace() -> None:
    request = Ended("request", None, "custom")
    assert book(request).session_of(TRACE) is None
    assert book(request, Ended("llm", "request", "llm")).session_of(TRACE) == implicit_session(TRACE)
    assert book(request, Ended("ours", "request", "session", "key")).session_of(TRACE) == "key"
    two = [Ended("a", "request", "session", "one"), Ended("b", "request", "session", "two")]
    assert book(request, *two).session_of(TRACE) is None
    assert TraceBook().session_of(TRACE) is None


def test_it_keeps_a_bounded_number_of_bytes() -> None:
    made = TraceBook(max_bytes=20_000)
    for number in range(100):
        made.note(f"{number:032x}", Ended("root", None, "session", "key", system="p" * 1_000))
        assert made._bytes <= 20_000
    assert made.session_of(f"{0:032x}") is None
    assert made.session_of(f"{99:032x}") == "key"


def test_a_prompt_that_every_call_has_is_kept_once_and_one_too_long_not_at_all() -> None:
    made = TraceBook(max_bytes=100_000)
    for number in range(50):
        made.note(TRACE, call(f"{number}", "root", 1, system="p" * 10_000, start_ns=number))
    made.note(TRACE, call("long", "root", 1, system="q" * 60_000, tools="[]", start_ns=-1))
    made.note(TRACE, ROOT)
    assert made._bytes < 50_000
    assert made.about(TRACE, ROOT)[semconv.GEN_AI_TOOL_DEFINITIONS] == "[]"


def test_what_is_forgotten_takes_no_room() -> None:
    made = book(call("a", "root", 1, system="p"), ROOT)
    made.forget(TRACE)
    assert made._bytes == 0
    assert made.session_of(TRACE) is None
    made.forget(TRACE)


def test_a_cycle_ends() -> None:
    a, b = call("a", "b", 1), call("b", "a", 1)
    assert book(a, b, ROOT).about(TRACE, ROOT) == {}

"""One model call that two instrumentations saw: one pair of events, its tokens once; and what is not one call."""

from __future__ import annotations

from collections import Counter
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_otel import semconv
from atlas_otel.models.rows import SessionRows
from atlas_otel.projection.project import SessionFold, project
from atlas_otel.records.record import STATUS_ERROR, RecordSet, SpanRecord
from tests.support.records import make_span

T = 1_700_000_000_000_000_000
TRACE = "1" * 32
FRAMEWORK, SDK, PROXY = "framework", "sdk", "proxy"


def span(number: int, parent: int | None, scope: str, begin: int, end: int | None, **attributes: Any) -> SpanRecord:
    failed = attributes.pop("failed", False)
    said = attributes.pop("said", None)
    held = {f"gen_ai.{name.replace('__', '.')}": value for name, value in attributes.items()}
    if said is not None:
        message = {"role": "assistant", "parts": [{"type": "text", "content": said}]}
        held[semconv.GEN_AI_OUTPUT_MESSAGES] = orjson.dumps([message]).decode()
    return make_span(
        trace_id=TRACE,
        span_id=f"{number:016x}",
        parent_span_id=None if parent is None else f"{parent:016x}",
        session_key="s" * 32,
        name=f"span {number}",
        start_ns=T + begin,
        end_ns=None if end is None else T + end,
        status=STATUS_ERROR if failed else 0,
        status_message="ServerError: no" if failed else None,
        attributes=held,
        scope=scope,
        version=T + begin,
    )


def agent() -> SpanRecord:
    return span(1, None, FRAMEWORK, 0, 1000, operation__name="invoke_agent", agent__name="a")


def call(number: int, parent: int, scope: str, begin: int, end: int, *, tokens: int | None = 5, **more: Any) -> Any:
    used = {} if tokens is None else {"usage__input_tokens": tokens, "usage__output_tokens": 1}
    return span(number, parent, scope, begin, end, operation__name="chat", **{"request__model": "m", **used, **more})


def rows(spans: list[SpanRecord]) -> SessionRows:
    found = project(RecordSet(spans))
    assert found is not None
    return found


def counted(spans: list[SpanRecord]) -> tuple[int, int, int]:
    """LLM_* pairs, calls, and tokens that went in."""
    found = rows(spans)
    payloads = [orjson.loads(event.event)["payload"] for event in found.events]
    pairs = Counter(payload["event_type"] for payload in payloads)
    assert pairs["LLM_START"] == pairs["LLM_END"]
    assert len({payload["UUID"] for payload in payloads}) == len(spans), "every span is kept"
    usage = found.session.metadata["token_usage"]
    assert isinstance(usage, dict)
    return pairs["LLM_START"], int(str(usage["calls"])), int(str(usage["prompt_tokens"]))


OUTER = call(2, 1, FRAMEWORK, 10, 100)


@pytest.mark.parametrize(
    "inner",
    [
        call(3, 2, SDK, 20, 90),
        call(3, 2, SDK, 20, 90, request__model="openai/m-2026-01-01"),
        call(3, 2, SDK, 20, 90, tokens=None),
        call(3, 2, SDK, 20, 120),  # a stream that its framework left early
        call(3, 2, FRAMEWORK, 20, 90),
        call(3, 2, FRAMEWORK, 20, 90, tokens=None),
    ],
    ids=[
        *("tokens agree", "the model's full name", "nothing to compare", "it ends later"),
        *("one instrumentation writes it twice", "and says nothing the second time"),
    ],
)
def test_a_call_within_a_call_is_the_same(inner: SpanRecord) -> None:
    assert counted([agent(), OUTER, inner]) == (1, 1, 5)


@pytest.mark.parametrize(
    "inner",
    [
        call(3, 2, FRAMEWORK, 20, 90, tokens=6),
        call(3, 2, SDK, 20, 90, request__model="other"),
        call(3, 2, SDK, 20, 90, tokens=6),
        call(3, 2, SDK, 20, 90, failed=True),
        call(3, 2, SDK, 120, 130),
    ],
    ids=["one instrumentation, other tokens", "another model", "other tokens", "a failed try", "it begins later"],
)
def test_a_call_within_a_call_that_differs_is_a_call_of_its_own(inner: SpanRecord) -> None:
    assert counted([agent(), OUTER, inner])[:2] == (2, 1), "and what the outer one says may be the sum"


def test_the_id_of_the_response_decides() -> None:
    outer = call(2, 1, FRAMEWORK, 10, 100, response__id="r1", tokens=11)
    same, other = call(3, 2, SDK, 20, 40, response__id="r1"), call(4, 2, SDK, 50, 90, response__id="r2", tokens=6)
    assert counted([agent(), outer, same]) == (1, 1, 5), "the innermost says what this call took"
    assert counted([agent(), outer, same, other]) == (2, 2, 11)


def test_tries_that_failed_are_calls_and_the_one_that_did_not_is_the_call_around_it() -> None:
    tries = [call(3, 2, SDK, 20, 40, failed=True, tokens=None), call(4, 2, SDK, 50, 90)]
    assert counted([agent(), OUTER, *tries]) == (2, 2, 5)


def test_of_several_that_agree_one_is_the_call() -> None:
    said = [call(number, 2, SDK, 20 * number, 20 * number + 10, said="yes") for number in (1, 2, 3)]
    spans = [agent(), call(9, 1, FRAMEWORK, 5, 100, said="yes")]
    spans += [one._replace(span_id=f"{20 + n:016x}", parent_span_id=f"{9:016x}") for n, one in enumerate(said)]
    assert counted(spans) == (3, 3, 15)


def test_of_several_that_nothing_tells_apart_none_is() -> None:
    tries = [call(3, 2, SDK, 20, 40, tokens=None), call(4, 2, SDK, 50, 90, tokens=None)]
    assert counted([agent(), OUTER, *tries])[:2] == (3, 2)


def test_a_call_through_three_is_one() -> None:
    assert counted([agent(), OUTER, call(3, 2, SDK, 20, 90), call(4, 3, PROXY, 30, 80)]) == (1, 1, 5)


def test_what_is_between_makes_it_another_call() -> None:
    """A tool that asks a model while a model's stream is open."""
    tool = span(3, 2, FRAMEWORK, 15, 95, operation__name="execute_tool", tool__name="t")
    assert counted([agent(), OUTER, tool, call(4, 3, SDK, 20, 90)])[0] == 2


def test_each_knows_what_the_other_does_not() -> None:
    outer = call(2, 1, FRAMEWORK, 10, 100, tokens=None)
    inner = call(3, 2, SDK, 20, 90, said="yes", response__finish_reasons=["stop"])
    found = rows([agent(), outer, inner])
    (end,) = [event for event in map(payload, found.events) if event["event_type"] == "LLM_END"]
    assert end["UUID"] == outer.span_id
    assert end["usage_info"]["prompt_tokens"] == 5
    assert end["metadata"]["finish_reasons"] == ["stop"]
    assert end["data"]["output"][0]["parts"][0]["content"] == "yes"
    assert found.steps[0].trace.count("yes") == 1


def payload(event: Any) -> dict[str, Any]:
    held: dict[str, Any] = orjson.loads(event.event)["payload"]
    return held


@pytest.mark.parametrize("deep", [True, False])
def test_a_framework_whose_spans_are_not_current(deep: bool) -> None:
    """The SDK's span hangs under what is current: beside the framework's."""
    chain = span(2, 1, FRAMEWORK, 5, 105)
    outer = call(3, 2 if deep else 1, FRAMEWORK, 10, 100)
    same, parallel = call(4, 1, SDK, 20, 90), call(5, 1, SDK, 21, 101)
    assert counted([agent(), chain, outer, same]) == (1, 1, 5)
    assert counted([agent(), chain, outer, parallel])[0] == 2, "it ended after"
    assert counted([agent(), chain, outer, same, parallel])[0] == 2
    silent = [call(3, 2, FRAMEWORK, 10, 100, tokens=None), same]
    assert counted([agent(), chain, *silent])[0] == 2, "nothing proves it"


SPANS = [agent(), span(2, 1, FRAMEWORK, 5, 300), call(3, 2, FRAMEWORK, 10, 100), call(4, 3, SDK, 20, 90),
         call(5, 3, SDK, 15, 18, failed=True, tokens=None), call(6, 2, FRAMEWORK, 110, 200),
         call(7, 1, SDK, 120, 190), call(8, 7, PROXY, 130, 180), call(9, 1, FRAMEWORK, 210, 290)]  # fmt: skip


@given(order=st.permutations(SPANS), looks=st.lists(st.booleans(), min_size=len(SPANS), max_size=len(SPANS)))
def test_order_and_batches_change_nothing(order: list[SpanRecord], looks: list[bool]) -> None:
    fold = SessionFold()
    for one, look in zip(order, looks, strict=True):
        fold.add(one)
        if look:
            fold.rows()
    assert fold.rows() == rows(SPANS)
    assert counted(order) == (4, 4, 15)


@pytest.mark.parametrize(
    ("outer", "inner", "one"),
    [
        ("gpt-4o", "gpt-4o-2024-08-06", True),
        ("openai/gpt-4o", "gpt-4o", True),
        ("openai:gpt-4o", "gpt-4o", True),
        ("gemini-2.0-flash", "gemini-2.0-flash-001", True),
        ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929", True),
        ("claude-3-5-sonnet", "claude-3-5-sonnet-latest", True),
        ("anthropic.claude-3-5-sonnet", "anthropic.claude-3-5-sonnet-20241022-v2:0", True),
        ("llama3", "llama3:latest", True),
        ("gpt-4o", "gpt-4o-mini", False),
        ("gpt-4o", "gpt-4o-mini-2024-07-18", False),
        ("gemini-2.0-flash", "gemini-2.0-flash-lite", False),
        ("anthropic.claude-3-haiku-20240307-v1:0", "meta.llama3-8b-instruct-v1:0", False),
        ("llama3:8b", "llama3:70b", False),
    ],
)
def test_another_model_s_call_within_a_call_is_its_own(outer: str, inner: str, one: bool) -> None:
    around, within = call(2, 1, FRAMEWORK, 10, 100, request__model=outer), call(3, 2, SDK, 20, 90, request__model=inner)
    assert counted([agent(), around, within])[0] == (1 if one else 2)

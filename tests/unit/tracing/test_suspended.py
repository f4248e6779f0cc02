"""What a body makes current is current again at its next step, and never between them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import copy_context
from typing import Any

import pytest
from opentelemetry import baggage, trace
from opentelemetry import context as otel_context
from opentelemetry.instrumentation.utils import is_instrumentation_enabled, suppress_instrumentation
from opentelemetry.sdk.trace import TracerProvider

import atlas_otel as atlas
from atlas_otel import semconv
from atlas_otel.testing import Recording, recording

program = TracerProvider().get_tracer("program")


@atlas.tool
def look(x: str) -> str:
    return x


def parents(recorded: Recording) -> dict[str, str | None]:
    """Below which span each call of ``look`` stands, by its argument."""
    names = {span.span_id: span.name for span in recorded.spans}
    return {
        json.loads(str(span.attributes[semconv.GEN_AI_TOOL_CALL_ARGUMENTS]))["x"]: names.get(span.parent_span_id or "")
        for span in recorded.spans
        if span.name == "execute_tool look"
    }


@atlas.session
def steps(question: str) -> Iterator[str]:
    with atlas.step("one"):
        yield "a"
        look("in one")
        atlas.record_reward(1.0)
    with atlas.step("two"):
        look("in two")
        yield "c"


@atlas.session(name="steps")
async def async_steps(question: str) -> AsyncIterator[str]:
    with atlas.step("one"):
        yield "a"
        await asyncio.sleep(0)
        look("in one")
        atlas.record_reward(1.0)
    with atlas.step("two"):
        look("in two")
        yield "c"


async def _each(items: Any) -> None:
    async for item in items:
        look(item)


@pytest.mark.parametrize(
    "consume",
    [lambda: [look(item) for item in steps("q")], lambda: asyncio.run(_each(async_steps("q")))],
    ids=["sync", "async"],
)
def test_a_step_that_yields_holds_what_runs_in_it(consume: Callable[[], object]) -> None:
    with recording() as recorded:
        consume()
        rows = recorded.rows()
    assert parents(recorded) == {"a": None, "in one": "step 1: one", "in two": "step 2: two", "c": None}
    assert (rows.steps[0].evaluation or {})["reward"]["score"] == 1.0
    assert rows.session.reward is None


def body(seen: list[Any]) -> Iterator[int]:
    with suppress_instrumentation():
        token = otel_context.attach(baggage.set_baggage("tenant", "acme"))
        with program.start_as_current_span("own") as own:
            yield 1
            seen.append((baggage.get_baggage("tenant"), trace.get_current_span() is own, is_instrumentation_enabled()))
        otel_context.detach(token)


def test_the_programs_own_context_comes_back_and_does_not_leak() -> None:
    with recording():
        before = otel_context.get_current()
        seen: list[Any] = []
        for _ in atlas.observe(body)(seen):
            assert otel_context.get_current() == before
        assert seen == [("acme", True, False)]
        assert otel_context.get_current() == before


def test_a_stream_that_is_resumed_from_elsewhere_keeps_its_own() -> None:
    with recording() as recorded:

        @atlas.observe
        def stream() -> Iterator[int]:
            with atlas.suppress_tracing():
                yield 1
                look("unseen")
            look("seen")
            yield 2

        items = stream()
        assert copy_context().run(next, items) == 1
        assert copy_context().run(next, items) == 2
        copy_context().run(items.close)
    assert parents(recorded) == {"seen": "stream"}
    assert recorded.span("stream").attributes[semconv.ATLAS_EXPECTED_EXCEPTION] == "GeneratorExit"


def test_coroutines_that_take_turns_in_one_context_do_not_mix() -> None:
    """Event loops of their own may run all tasks in one context."""

    class Turn:
        def __await__(self) -> Iterator[None]:
            yield

    @atlas.tool
    async def task(x: str) -> None:
        look(f"{x} before")
        await Turn()
        look(f"{x} after")

    with recording() as recorded:
        before = otel_context.get_current()
        running = [task("a"), task("b")]
        while running:
            for one in list(running):
                try:
                    one.send(None)
                except StopIteration:
                    running.remove(one)
                assert otel_context.get_current() is before
    own = {s.span_id: s.attributes[semconv.GEN_AI_TOOL_CALL_ARGUMENTS] for s in recorded.spans if "task" in s.name}
    for span in recorded.spans:
        if "look" in span.name:
            x = json.loads(str(span.attributes[semconv.GEN_AI_TOOL_CALL_ARGUMENTS]))["x"]
            assert own[span.parent_span_id or ""] == json.dumps({"x": x[0]}, separators=(",", ":"))


def test_a_context_managers_block_is_in_what_its_body_made_current() -> None:
    @contextlib.contextmanager
    @atlas.observe
    @atlas.tool
    def tenant(name: str) -> Iterator[str]:
        token = otel_context.attach(baggage.set_baggage("tenant", name))
        try:
            with atlas.step("inside"):
                yield name
        finally:
            otel_context.detach(token)

    @contextlib.asynccontextmanager
    @atlas.observe
    @atlas.tool
    async def async_tenant(name: str) -> AsyncIterator[str]:
        with tenant(name):
            await asyncio.sleep(0)
            yield name

    async def use() -> None:
        async with async_tenant("b"):
            look("b")
            assert baggage.get_baggage("tenant") == "b"

    with recording() as recorded:
        before = otel_context.get_current()
        with tenant("a"):
            look("a")
            assert baggage.get_baggage("tenant") == "a"
        assert otel_context.get_current() == before
        asyncio.run(use())
    assert parents(recorded) == {"a": "step: inside", "b": "step: inside"}


def test_what_a_function_leaves_current_stays_so() -> None:
    """Functions that set up something for their caller: a token is kept for later."""
    tokens: list[Any] = []

    @atlas.observe
    def sign_in(tenant: str) -> None:
        tokens.append(otel_context.attach(baggage.set_baggage("tenant", tenant)))

    @atlas.observe
    def sign_out() -> None:
        otel_context.detach(tokens.pop())

    def run() -> None:
        with atlas.session("q"):
            sign_in("acme")
            assert baggage.get_baggage("tenant") == "acme"
            look("signed in")
            sign_out()
            assert baggage.get_baggage("tenant") is None
            look("signed out")

    with recording() as recorded:
        copy_context().run(run)
    assert parents(recorded) == {"signed in": "invoke_agent session", "signed out": "invoke_agent session"}


def test_a_session_in_baggage_is_not_carried_out_by_a_tenant() -> None:
    from dataclasses import replace

    from atlas_otel.tracing import state

    @atlas.session
    def run(question: str) -> None:
        otel_context.attach(baggage.set_baggage("tenant", "acme"))
        assert baggage.get_baggage(semconv.ATLAS_SESSION_ID) is not None

    def check() -> None:
        run("q")
        assert dict(baggage.get_all()) == {"tenant": "acme"}

    with recording():
        before = state.install(replace(state.current(), propagate=True))
        try:
            copy_context().run(check)
        finally:
            state.install(before)


async def test_an_event_loop_is_told_of_one_generator_only() -> None:
    """It closes those that it has seen begin: were it told of the body too, it would close that one in parallel."""

    @atlas.observe
    async def stream() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)

    with recording() as recorded:
        items = stream()
        assert await items.__anext__() == 1
        known: Any = asyncio.get_running_loop()._asyncgens  # type: ignore[attr-defined]
        assert [one for one in known if one.__name__ == "stream"] == [items]
        await asyncio.gather(*(one.aclose() for one in list(known)))
    assert recorded.span("stream").status == 0


def test_suppression_leaves_the_programs_span_current() -> None:
    with recording(), program.start_as_current_span("own") as own, atlas.suppress_tracing():
        with atlas.tool("quiet"):
            assert trace.get_current_span() is own
        assert atlas.tool(trace.get_current_span)() is own

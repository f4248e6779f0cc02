"""A plain function that returns an awaitable ends when that does; the caller gets what it would get without us."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import gc
import inspect
import logging
import types
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

import atlas_otel as atlas
from atlas_otel import semconv
from atlas_otel.testing import recording


@atlas.tool
async def child(x: int) -> int:
    await asyncio.sleep(0)
    return x


async def work(x: int) -> int:
    await child(x)
    if x < 0:
        raise ValueError("negative")
    return x + 1


def timed(function: Any) -> Any:
    @functools.wraps(function)
    def around(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return around


class Promise:
    """An awaitable with more to it, as clients' requests and queries are."""

    def __init__(self, x: int) -> None:
        self.x = x
        self.closed = False

    def __await__(self) -> Any:
        return work(self.x).__await__()

    async def __aenter__(self) -> int:
        return await work(self.x)

    async def __aexit__(self, *error: object) -> None:
        self.closed = True


@types.coroutine
def by_hand(x: int) -> Iterator[Any]:
    return (yield from work(x).__await__())


FUNCTIONS: dict[str, Callable[[int], Any]] = {
    "wrapped coroutine function": timed(work),
    "handed on": lambda x: work(x),
    "task": lambda x: asyncio.ensure_future(work(x)),
    "partial": functools.partial(work),
    "promise": Promise,
    "types.coroutine": by_hand,
    "wrapped types.coroutine": timed(by_hand),
}


@pytest.mark.parametrize("name", FUNCTIONS)
async def test_the_span_ends_with_the_awaitable(name: str) -> None:
    function = FUNCTIONS[name]
    if isinstance(function, type):
        function = functools.partial(lambda kind, x: kind(x), function)
    observed = atlas.tool(name="observed")(function)
    with recording() as recorded:
        made, bare = observed(1), function(1)
        assert type(made) is type(bare) or isinstance(made, type(bare))
        assert inspect.isawaitable(made) == inspect.isawaitable(bare)
        assert await made == await bare == 2
        with pytest.raises(ValueError, match="negative"):
            await observed(-1)
    good, bad = (span for span in recorded.spans if span.name == "execute_tool observed")
    assert good.attributes[semconv.GEN_AI_TOOL_CALL_RESULT] == "2"
    assert bad.status_message == "ValueError: negative"
    below = [span.parent_span_id for span in recorded.spans if span.name == "execute_tool child"]
    assert good.span_id in below
    assert bad.span_id in below


async def test_a_model_call_that_is_handed_on_has_its_answer() -> None:
    async def answer() -> Any:
        return {"role": "assistant", "content": "hello", "usage": {"input_tokens": 1, "output_tokens": 2}}

    @atlas.llm(model="m")
    def complete(messages: Any) -> Any:
        return answer()

    with recording() as recorded:
        await complete([{"role": "user", "content": "hi"}])
    assert recorded.spans[0].attributes[semconv.GEN_AI_USAGE_OUTPUT_TOKENS] == 2


async def test_an_awaitable_object_keeps_all_else() -> None:
    @atlas.tool
    def ask(x: int) -> Promise:
        return Promise(x)

    with recording() as recorded:
        promise = ask(1)
        assert isinstance(promise, Promise)
        assert (promise.x, promise.closed) == (1, False)
        promise.x = 5
        assert await promise == 6
        assert await promise == 6, "it can be awaited again, as the bare one can"
        async with ask(2) as entered:
            assert entered == 3
        assert await asyncio.gather(ask(3), ask(4)) == [4, 5]
        dropped = ask(9)
        del dropped
        gc.collect()
    results = [s.attributes.get(semconv.GEN_AI_TOOL_CALL_RESULT) for s in recorded.spans if s.name.endswith("ask")]
    assert results[:2] == ["6", "3"]
    assert sorted(str(r) for r in results[2:4]) == ["4", "5"]
    assert "Promise" in str(results[4])


async def test_a_future_is_the_same_future_and_its_exception_is_still_its_owners(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loop = asyncio.get_running_loop()
    mine = loop.create_future()

    @atlas.tool
    def give() -> Any:
        return mine

    @atlas.tool
    def start() -> Any:
        return asyncio.ensure_future(work(-1))

    with recording() as recorded, caplog.at_level(logging.ERROR):
        assert give() is mine
        assert not recorded.spans
        mine.cancel()
        task = start()
        await asyncio.wait([task])
        await asyncio.sleep(0)
        del task
        gc.collect()
    assert "exception was never retrieved" in caplog.text
    spans = {span.name: span for span in recorded.spans}
    assert spans["execute_tool give"].attributes[semconv.ERROR_TYPE] == "asyncio.exceptions.CancelledError"
    assert spans["execute_tool start"].status_message == "ValueError: negative"


def test_a_threads_future() -> None:
    with recording() as recorded, concurrent.futures.ThreadPoolExecutor(1) as pool:

        @atlas.tool
        def submit(x: int) -> Any:
            return pool.submit(lambda: x * 2)

        assert submit(2).result() == 4
    assert recorded.span("submit").attributes[semconv.GEN_AI_TOOL_CALL_RESULT] == "4"


def test_a_coroutine_that_is_never_awaited_is_said_once_and_its_span_ends() -> None:
    with recording() as recorded:
        with pytest.warns(RuntimeWarning, match="coroutine 'work' was never awaited") as warned:
            atlas.tool(timed(work))(1)
        assert len(warned) == 1
        del warned  # it holds the coroutine
        gc.collect()
    assert recorded.span("work").status == 0


async def test_one_coroutine_that_is_returned_twice() -> None:
    coroutine = work(1)

    @atlas.tool
    def same() -> Any:
        return coroutine

    with recording() as recorded:
        first = asyncio.ensure_future(same())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="being awaited already"):
            await same()
        assert await first == 2
        with pytest.raises(RuntimeError, match="already awaited"):
            await same()
    assert len([span for span in recorded.spans if span.name.endswith("same")]) == 3


async def test_generators_under_another_decorator_are_streams() -> None:
    @timed
    def letters() -> Iterator[str]:
        yield "a"
        yield "b"

    @timed
    async def words() -> AsyncIterator[str]:
        yield "one "
        await child(1)
        yield "two"

    with recording() as recorded:
        made = atlas.observe(letters)()
        assert inspect.isgenerator(made)
        assert list(made) == ["a", "b"]
        stream = atlas.llm(model="m")(words)()
        assert inspect.isasyncgen(stream)
        assert [word async for word in stream] == ["one ", "two"]
    assert recorded.span("letters").attributes[semconv.ATLAS_OUTPUT] == '"ab"'
    call = recorded.span("chat m")
    assert call.attributes[semconv.ATLAS_OUTPUT] == '"one two"'
    assert recorded.span("execute_tool child").parent_span_id == call.span_id

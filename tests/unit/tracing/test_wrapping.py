"""A wrapped function behaves as the bare one does on every path."""

from __future__ import annotations

import asyncio
import functools
import inspect
import pickle
import sys
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from typing import Any

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace

import atlas_otel as atlas
from atlas_otel import semconv
from atlas_otel.testing import Recording, recording


@pytest.fixture(params=[True, False], ids=["sdk-spans", "own-spans"])
def recorded(request: pytest.FixtureRequest) -> Iterator[Recording]:
    with recording(sdk_spans=request.param) as found:
        before = otel_context.get_current()
        yield found
        assert otel_context.get_current() == before, "a span leaked into the context of its caller"


def current_span_id() -> str:
    return format(trace.get_current_span().get_span_context().span_id, "016x")


# --- the wrapper is what the function is ---------------------------------------------------------------------------


def plain(a: int, /, b: int = 2, *rest: int, c: int, d: int = 4, **more: int) -> tuple[Any, ...]:
    """What it does."""
    return (a, b, rest, c, d, more)


async def coroutine(a: int, b: int = 2) -> int:
    return a + b


def generator(a: int) -> Iterator[int]:
    yield a


async def async_generator(a: int) -> AsyncIterator[int]:
    yield a


FUNCTIONS = [plain, coroutine, generator, async_generator]


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    "decorate", [atlas.observe, atlas.observe(), atlas.tool(name="t")], ids=["bare", "called", "named"]
)
def test_inspect_gives_the_same_answers(function: Any, decorate: Any) -> None:
    wrapped = decorate(function)
    for question in (
        inspect.isfunction,
        inspect.iscoroutinefunction,
        inspect.isgeneratorfunction,
        inspect.isasyncgenfunction,
        inspect.signature,
        inspect.getdoc,
        inspect.getsource,
    ):
        assert question(wrapped) == question(function), question
    for name in ("__name__", "__qualname__", "__module__", "__defaults__", "__kwdefaults__", "__annotations__"):
        assert getattr(wrapped, name) == getattr(function, name), name
    assert (
        inspect.signature(wrapped, follow_wrapped=False).parameters.keys()
        == inspect.signature(function).parameters.keys()
    )


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("call", [((), {}), ((1, 2, 3), {"z": 1}), ((1,), {"a": 1})])
def test_a_call_that_the_function_refuses_is_refused_at_once_and_in_the_same_words(function: Any, call: Any) -> None:
    args, kwargs = call
    try:
        made = function(*args, **kwargs)
    except TypeError as error:
        with pytest.raises(TypeError) as refused:
            atlas.observe(function)(*args, **kwargs)
        assert str(refused.value) == str(error)
    else:
        inspect.iscoroutine(made) and made.close()
        again = atlas.observe(function)(*args, **kwargs)
        inspect.iscoroutine(again) and again.close()


def test_every_kind_of_parameter_goes_through(recorded: Recording) -> None:
    wrapped = atlas.observe(plain)
    assert wrapped(1, 5, 6, 7, c=3, e=8) == plain(1, 5, 6, 7, c=3, e=8) == (1, 5, (6, 7), 3, 4, {"e": 8})
    assert wrapped(1, c=3) == plain(1, c=3)
    (first, _) = recorded.spans
    assert first.attributes[semconv.ATLAS_INPUT] == '{"e":8,"a":1,"b":5,"rest":[6,7],"c":3,"d":4}'


class Tools:
    seen: ContextVar[str] = ContextVar("seen", default="unset")

    @atlas.tool
    def method(self, query: str) -> str:
        return query

    @atlas.tool
    @classmethod
    def above_classmethod(cls, query: str) -> str:
        return cls.__name__ + query

    @classmethod
    @atlas.tool
    def below_classmethod(cls, query: str) -> str:
        return cls.__name__ + query

    @atlas.tool
    @staticmethod
    def above_staticmethod(query: str) -> str:
        return query

    @staticmethod
    @atlas.tool
    def below_staticmethod(query: str) -> str:
        return query

    @atlas.tool
    async def coroutine(self, query: str) -> str:
        return query


def test_methods_of_every_kind(recorded: Recording) -> None:
    tools = Tools()
    assert tools.method("q") == "q"
    assert tools.above_classmethod("q") == Tools.above_classmethod("q") == "Toolsq"
    assert tools.below_classmethod("q") == Tools.below_classmethod("q") == "Toolsq"
    assert tools.above_staticmethod("q") == Tools.above_staticmethod("q") == "q"
    assert tools.below_staticmethod("q") == Tools.below_staticmethod("q") == "q"
    assert asyncio.run(tools.coroutine("q")) == "q"
    assert {s.attributes[semconv.GEN_AI_TOOL_CALL_ARGUMENTS] for s in recorded.spans} == {'{"query":"q"}'}


def test_what_cannot_be_called_is_refused() -> None:
    with pytest.raises(TypeError, match="cannot decorate"):
        atlas.tool(Tools)
    with pytest.raises(TypeError, match="cannot decorate"):
        atlas.tool(3)  # type: ignore[call-overload]


class Callable_:
    async def __call__(self, a: int) -> int:
        return a + 1


def test_partials_and_callable_objects(recorded: Recording) -> None:
    assert atlas.observe(functools.partial(plain, 1, c=3))(5) == (1, 5, (), 3, 4, {})
    wrapped = atlas.observe(Callable_())
    assert inspect.iscoroutinefunction(wrapped) == inspect.iscoroutinefunction(Callable_())
    assert inspect.iscoroutinefunction(wrapped.__call__)
    assert asyncio.run(wrapped(1)) == 2
    assert len(recorded.spans) == 2


def retrying(function: Any) -> Any:
    @functools.wraps(function)
    def around(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return around


@atlas.tool
@retrying
def stacked(query: str, limit: int = 3) -> str:
    return query


def test_a_decorator_below_does_not_hide_the_names(recorded: Recording) -> None:
    assert stacked("q") == "q"
    assert recorded.spans[0].attributes[semconv.GEN_AI_TOOL_CALL_ARGUMENTS] == '{"query":"q","limit":3}'


def test_a_module_level_function_can_be_pickled() -> None:
    assert pickle.loads(pickle.dumps(stacked)) is stacked


def test_a_function_that_returns_an_iterator_is_left_alone(recorded: Recording) -> None:
    items = iter([1, 2])

    @atlas.observe
    def function() -> Iterator[int]:
        return items

    assert function() is items
    assert list(items) == [1, 2]


def test_a_coroutine_that_is_never_awaited_says_so_once() -> None:
    with pytest.warns(RuntimeWarning, match="coroutine 'coroutine' was never awaited") as warnings:
        atlas.observe(coroutine)(1)
    assert len(warnings) == 1


# --- errors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [ValueError("no"), KeyboardInterrupt(), SystemExit(3), asyncio.CancelledError("stop")]
)
def test_what_the_function_raises_comes_out_and_is_recorded(recorded: Recording, error: BaseException) -> None:
    @atlas.tool
    def fails() -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        fails()
    assert raised.value is error
    (span,) = recorded.spans
    assert span.status == 2
    assert str(span.attributes[semconv.ERROR_TYPE]).endswith(type(error).__name__)
    (event,) = span.events
    assert event.attributes[semconv.EXCEPTION_MESSAGE] == str(error)
    assert "test_wrapping.py" in str(event.attributes[semconv.EXCEPTION_STACKTRACE])


async def test_cancellation_and_timeouts_are_errors(recorded: Recording) -> None:
    @atlas.step
    async def sleeps() -> None:
        await asyncio.sleep(10)

    task = asyncio.create_task(sleeps())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(sleeps(), 0.01)
    assert [s.attributes[semconv.ERROR_TYPE] for s in recorded.spans] == ["asyncio.exceptions.CancelledError"] * 2


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.timeout came with 3.11")
async def test_asyncio_timeout_in_the_body(recorded: Recording) -> None:
    @atlas.tool
    async def body() -> str:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.sleep(10)
        except TimeoutError:
            return "too late"
        return "in time"

    assert await body() == "too late"
    assert recorded.spans[0].status == 0


# --- generators ----------------------------------------------------------------------------------------------------


def conversation(log: list[Any]) -> Iterator[Any]:
    """Answers what is sent, survives what is thrown, says how it ended."""
    try:
        answer = yield "first"
        while True:
            try:
                log.append(("span", current_span_id()))
                answer = yield answer
            except KeyError as error:
                answer = f"caught {error}"
            if answer == "stop":
                return "returned"
    finally:
        log.append("closed")


@pytest.mark.parametrize("decorate", [lambda f: f, atlas.observe])
def test_send_throw_and_return(decorate: Any) -> None:
    with recording():
        log: list[Any] = []
        talk = decorate(conversation)(log)
        assert inspect.isgenerator(talk)
        assert next(talk) == "first"
        assert talk.send("hello") == "hello"
        assert talk.throw(KeyError("k")) == "caught 'k'"
        with pytest.raises(StopIteration) as stopped:
            talk.send("stop")
        assert stopped.value.value == "returned"
        assert log[-1] == "closed"


@pytest.mark.parametrize("decorate", [lambda f: f, atlas.observe])
def test_close_and_uncaught_errors(decorate: Any) -> None:
    with recording():
        log: list[Any] = []
        talk = decorate(conversation)(log)
        next(talk)
        talk.close()
        assert log == ["closed"]
        talk = decorate(conversation)(log)
        next(talk)
        with pytest.raises(ZeroDivisionError):
            talk.throw(ZeroDivisionError())
        with pytest.raises(StopIteration):
            next(talk)


def test_a_generator_is_current_only_while_its_body_runs(recorded: Recording) -> None:
    @atlas.observe
    def numbers() -> Iterator[str]:
        yield current_span_id()
        yield current_span_id()

    outside = current_span_id()
    for inside in numbers():
        assert inside == recorded.running[0].snapshot().span_id  # type: ignore[union-attr]
        assert current_span_id() == outside
        break
    del inside
    import gc

    gc.collect()
    (span,) = recorded.spans
    assert span.attributes[semconv.ATLAS_STREAM_INCOMPLETE] is True
    assert span.attributes[semconv.ATLAS_STREAM_CHUNKS] == 1


def test_siblings_after_an_early_break_are_siblings(recorded: Recording) -> None:
    @atlas.llm(model="m")
    def words() -> Iterator[str]:
        yield "a"
        yield "b"

    with atlas.session("t", name="s"):
        for _ in words():
            break
        with atlas.tool("after"):
            pass
    root = recorded.span("invoke_agent s")
    assert {s.parent_span_id for s in recorded.spans if s is not root} == {root.span_id}


async def test_async_generators_send_throw_close_and_context(recorded: Recording) -> None:
    closed: list[str] = []

    @atlas.observe
    async def talk() -> Any:
        try:
            answer = yield current_span_id()
            while True:
                try:
                    answer = yield answer
                except KeyError:
                    answer = "caught"
        finally:
            await asyncio.sleep(0)
            closed.append(current_span_id())

    outside = current_span_id()
    stream = talk()
    inside = await stream.__anext__()
    assert inside != outside == current_span_id()
    assert await stream.asend("hello") == "hello"
    assert await stream.athrow(KeyError()) == "caught"
    # Closed from another task, as an event loop closes what was abandoned.
    await asyncio.create_task(stream.aclose())
    assert closed == [inside]
    with pytest.raises(StopAsyncIteration):
        await stream.__anext__()
    assert recorded.spans[0].attributes[semconv.ATLAS_STREAM_INCOMPLETE] is True


async def test_partial_output_is_kept_when_a_stream_fails(recorded: Recording) -> None:
    @atlas.llm(model="m")
    async def stream() -> AsyncIterator[str]:
        yield "one "
        yield "two"
        raise ConnectionError("cut")

    with pytest.raises(ConnectionError):
        _ = [item async for item in stream()]
    (span,) = recorded.spans
    assert span.attributes[semconv.ATLAS_OUTPUT] == '"one two"'
    assert span.attributes[semconv.ATLAS_STREAM_INCOMPLETE] is True
    assert span.status_message == "ConnectionError: cut"


def test_a_reducer_makes_the_output_and_may_fail(recorded: Recording) -> None:
    @atlas.observe(output_reducer=sum)
    def numbers() -> Iterator[int]:
        yield from (1, 2, 3)

    @atlas.observe(output_reducer=lambda items: 1 / 0)
    def broken() -> Iterator[int]:
        yield from (1, 2)

    assert list(numbers()) == [1, 2, 3]
    assert list(broken()) == [1, 2]
    assert [s.attributes[semconv.ATLAS_OUTPUT] for s in recorded.spans] == ["6", "[1,2]"]


# --- context -------------------------------------------------------------------------------------------------------

seen: ContextVar[str] = ContextVar("seen", default="unset")


async def test_the_body_sees_and_changes_the_callers_context_variables(recorded: Recording) -> None:
    @atlas.tool
    async def body() -> str:
        found = seen.get()
        seen.set("changed")
        return found

    @atlas.tool
    async def stream() -> AsyncIterator[str]:
        yield seen.get()
        yield seen.get()

    seen.set("given")
    assert await body() == "given"
    assert seen.get() == "changed"
    found = []
    async for item in stream():
        found.append(item)
        seen.set("again")
    assert found == ["changed", "again"]


def test_a_block_left_in_another_context_is_quiet(recorded: Recording, caplog: pytest.LogCaptureFixture) -> None:
    import contextvars

    block = atlas.step("fixture")
    contextvars.copy_context().run(block.__enter__)
    contextvars.copy_context().run(block.__exit__, None, None, None)
    assert recorded.span("fixture").ended
    assert not caplog.records

"""Random programs: a function of some kind, what its body does, and how it is driven. Each runs bare and decorated, and
logs all that it can observe of itself: what it was given, what it gave, what was current, what was raised at it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import inspect
import threading
import types
import warnings
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hypothesis import strategies as st
from opentelemetry import baggage, trace
from opentelemetry import context as otel_context
from opentelemetry.instrumentation.utils import is_instrumentation_enabled, suppress_instrumentation
from opentelemetry.sdk.trace import TracerProvider

import atlas_otel as atlas

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Decorate = Callable[[Any], Any]
    Log = list[Any]

_var: ContextVar[int] = ContextVar("var", default=0)
_theirs: Final = TracerProvider().get_tracer("program")


class Retry(Exception):
    """Control flow of the program's."""


ERRORS: Final = (ValueError, Retry, KeyError, SystemExit, KeyboardInterrupt, StopIteration, GeneratorExit)
_THROWN: Final = (ValueError, Retry, asyncio.CancelledError, GeneratorExit)

# --- what a body does ------------------------------------------------------------------------------------------------

PAUSE, SEE, SET, BAGGAGE, OWN, QUIET, OTHERS, BLOCK, NESTED, RAISE, RETURN, WARN, GROUP = range(13)


class Op(NamedTuple):
    """One thing that a body does, with a number to do it with."""

    what: int
    number: int


@dataclass(frozen=True)
class Program:
    """A function and how it is driven."""

    kind: str
    ops: tuple[Op, ...]
    catches: bool
    on_close: str
    """What the body does when it is closed: ``raise`` or ``return``."""
    drive: tuple[Op, ...]
    arguments: tuple[tuple[int, ...], tuple[tuple[str, int], ...]]
    how: str
    wraps: int
    """How many decorators of the program's own stand between the function and ours."""


class _Body:
    """The steps of a body that are the same in every kind of function."""

    def __init__(self, log: Log, nested: Callable[[int], int], how: str) -> None:
        self.log = log
        self.how = how
        self.nested = nested
        self.blocks = contextlib.ExitStack()
        self.own: Any = None

    def see(self) -> None:
        if self.how in SHARED:  # a bare body finds there what another one left current, or nothing of its own
            self.log.append(("sees", _var.get()))
            return
        span = trace.get_current_span()
        own = None if self.own is None else span is self.own
        self.log.append(("sees", _var.get(), baggage.get_baggage("k"), own, is_instrumentation_enabled()))

    def do(self, op: Op) -> None:
        what, number = op
        if what == SEE:
            self.see()
        elif what == SET:
            _var.set(number)
        elif what == BAGGAGE:
            token = otel_context.attach(baggage.set_baggage("k", number))
            self.blocks.callback(otel_context.detach, token)
        elif what == OWN:
            self.own = self.blocks.enter_context(_theirs.start_as_current_span("own"))
            self.blocks.callback(setattr, self, "own", None)
        elif what == QUIET:
            self.blocks.enter_context(atlas.suppress_tracing())
        elif what == OTHERS:
            self.blocks.enter_context(suppress_instrumentation())
        elif what == BLOCK:
            self.blocks.enter_context(atlas.step(f"block {number}"))
            self.own = None
        elif what == NESTED:
            self.log.append(("nested", self.nested(number)))
        elif what == WARN:
            warnings.warn(f"number {number}", UserWarning, stacklevel=3)
        elif what == RAISE:
            raise ERRORS[number % len(ERRORS)](number)
        elif what == GROUP:
            raise LookupError(number) from ValueError("its cause")

    def left(self) -> None:
        self.log.append("left")
        self.blocks.close()


def _bodies(program: Program, log: Log, nested: Callable[[int], int]) -> dict[str, Callable[..., Any]]:
    ops = program.ops

    def given(*all_of_it: object) -> _Body:
        log.append(("given", *all_of_it))
        return _Body(log, nested, program.how)

    def function(a: int, /, b: int = 2, *rest: int, observer: int = 3, **more: int) -> Any:
        body = given(a, b, rest, observer, more)
        try:
            for op in ops:
                if op.what == RETURN:
                    return op.number
                body.do(op)
            return "end"
        finally:
            body.left()

    async def coroutine(a: int, /, b: int = 2, *rest: int, observer: int = 3, **more: int) -> Any:
        body = given(a, b, rest, observer, more)
        try:
            for op in ops:
                if op.what == RETURN:
                    return op.number
                if op.what != PAUSE:
                    body.do(op)
                    continue
                try:
                    log.append(("woken with", await _pause(op.number)))
                except (ValueError, Retry) as error:
                    log.append(("caught", repr(error)))
                    if not program.catches:
                        raise
                body.see()
            return "end"
        finally:
            body.left()

    def generator(a: int, /, b: int = 2, *rest: int, observer: int = 3, **more: int) -> Any:
        body = given(a, b, rest, observer, more)
        try:
            for op in ops:
                if op.what == RETURN:
                    return op.number
                if op.what != PAUSE:
                    body.do(op)
                    continue
                try:
                    log.append(("sent", (yield op.number)))
                except (ValueError, Retry) as error:
                    log.append(("caught", repr(error)))
                    if not program.catches:
                        raise
                except GeneratorExit:
                    log.append("closing")
                    if program.on_close == "raise":
                        raise
                    if program.on_close == "return":
                        return "closed"
                body.see()
            return "end"
        finally:
            body.left()

    async def async_generator(a: int, /, b: int = 2, *rest: int, observer: int = 3, **more: int) -> Any:
        body = given(a, b, rest, observer, more)
        try:
            for op in ops:
                if op.what == RETURN:
                    return
                if op.what != PAUSE:
                    body.do(op)
                    continue
                log.append(("woken with", await _pause(op.number)))
                try:
                    log.append(("sent", (yield op.number)))
                except (ValueError, Retry) as error:
                    log.append(("caught", repr(error)))
                    if not program.catches:
                        raise
                except GeneratorExit:
                    log.append("closing")
                    if program.on_close == "raise":
                        raise
                    return
                body.see()
        finally:
            body.left()

    return {
        "function": function,
        "coroutine": coroutine,
        "generator": generator,
        "async generator": async_generator,
    }


@types.coroutine
def _pause(number: int) -> Iterator[Any]:
    return (yield ("pause", number))


# --- kinds of functions ----------------------------------------------------------------------------------------------

KINDS: Final = (
    "function",
    "coroutine",
    "generator",
    "async generator",
    "method",
    "class method",
    "static method",
    "partial",
    "callable object",
    "returns a coroutine",
    "returns a promise",
    "partial of a coroutine function",
    "context manager",
    "iterable coroutine",
    "cached",
    "hidden signature",
)


def make(program: Program, decorate: Decorate, log: Log, nested: Callable[[int], int]) -> Any:
    """The program's function as a callable, decorated."""
    bodies = _bodies(program, log, nested)
    base = bodies.get(program.kind)
    if base is not None:
        return decorate(_wrapped(base, program.wraps))
    plain, coroutine = bodies["function"], bodies["coroutine"]
    if program.kind in ("method", "class method", "static method"):
        return _method(program, decorate, plain)
    if program.kind == "partial":
        return decorate(functools.partial(plain, 7, observer=8))
    if program.kind == "callable object":
        return decorate(_Callable(plain))
    if program.kind == "context manager":
        return contextlib.contextmanager(decorate(_wrapped(bodies["generator"], program.wraps)))
    if program.kind == "partial of a coroutine function":
        return decorate(functools.partial(coroutine, 7, observer=8))
    if program.kind == "returns a promise":
        return decorate(lambda *args, **kwargs: _Promise(coroutine(*args, **kwargs)))
    if program.kind == "returns a coroutine":
        return decorate(_wrapped(coroutine, 1 + program.wraps))
    if program.kind == "iterable coroutine":
        return decorate(types.coroutine(bodies["generator"]))
    if program.kind == "cached":
        return decorate(functools.lru_cache(_wrapped(plain, program.wraps)))
    shown = _wrapped(plain, 1)
    shown.__signature__ = inspect.Signature([inspect.Parameter("other", inspect.Parameter.KEYWORD_ONLY)])
    return decorate(shown)


def _wrapped(function: Any, times: int) -> Any:
    for _ in range(times):
        function = _once(function)
    return function


def _once(function: Any) -> Any:
    @functools.wraps(function)
    def around(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return around


def _method(program: Program, decorate: Decorate, plain: Any) -> Any:
    if program.kind == "static method":
        holder = type("Holder", (), {"method": decorate(staticmethod(plain))})
        return holder().method

    def method(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        return plain(*args, **kwargs)

    wrapped = decorate(classmethod(method) if program.kind == "class method" else method)
    return type("Holder", (), {"method": wrapped})().method


class _Callable:
    def __init__(self, function: Any) -> None:
        self.function = function
        self.mark = "kept"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)


class _Promise:
    def __init__(self, coroutine: Any) -> None:
        self.coroutine = coroutine
        self.mark = "kept"

    def __await__(self) -> Any:
        return self.coroutine.__await__()


# --- how it is driven ------------------------------------------------------------------------------------------------

NEXT, SEND, THROW, CLOSE, DROP = range(5)
SHARED: Final = ("contexts", "two by turns")
HOWS: Final = ("here", "thread", "asyncio", "contexts", "two by turns")


def run(program: Program, decorate: Decorate, nested: Callable[[int], int]) -> Log:
    """Everything that the program observed."""
    log: Log = []
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        function = make(program, decorate, log, nested)
        _look(function, log)
        if program.how == "thread":
            thread = threading.Thread(target=copy_context().run, args=(_drive, program, function, log))
            thread.start()
            thread.join()
        elif program.how == "asyncio":
            copy_context().run(_drive_in_a_loop, program, function, log)
        else:
            copy_context().run(_drive, program, function, log)
        del function
        gc.collect(1)
    log.append(sorted(f"{one.category.__name__} {one.message} {one.filename}" for one in warned))
    return log


def _look(function: Any, log: Log) -> None:
    for question in (
        inspect.isfunction,
        inspect.ismethod,
        inspect.iscoroutinefunction,
        inspect.isgeneratorfunction,
        inspect.isasyncgenfunction,
        inspect.signature,
        inspect.getdoc,
        callable,
        lambda f: isinstance(f, functools.partial),
        lambda f: isinstance(f, _Callable) and f.mark,
        lambda f: hasattr(f, "cache_info") and f.cache_info(),
        lambda f: [getattr(f, name, None) for name in ("__name__", "__module__", "__defaults__", "__doc__")],
    ):
        log.append(str(question(function)))


def _call(program: Program, function: Any, log: Log) -> Any:
    args, kwargs = program.arguments
    return _said(log, "called", lambda: function(*args, **dict(kwargs)))


def _said(log: Log, what: str, call: Callable[[], Any]) -> Any:
    """What ``call`` gave; what it raised is in the log."""
    try:
        result = call()
    except BaseException as error:
        chain = (type(error).__name__, str(error), type(error.__cause__).__name__, type(error.__context__).__name__)
        log.append((what, "raised", *chain))
        return None
    log.append((what, type(result).__name__, result if isinstance(result, (int, str, tuple)) else None))
    return result


def _drive(program: Program, function: Any, log: Log) -> None:
    made = [_call(program, function, log) for _ in range(2 if program.how == "two by turns" else 1)]
    for index, one in enumerate(made):
        if hasattr(one, "__enter__"):
            _said(log, "block", functools.partial(_block, program, one, log))
        elif hasattr(one, "__await__") and not hasattr(one, "send"):
            log.append((isinstance(one, _Promise), getattr(one, "mark", None)))
            made[index] = one.__await__()
    for op in program.drive:
        for one in made:
            step = functools.partial(_step, one, op, log)
            if program.how == "contexts":
                copy_context().run(step)
            else:
                step()
    made.clear()


def _block(program: Program, manager: Any, log: Log) -> object:
    """A ``with`` block sees what its manager's body made current."""
    with manager as given:
        log.append(("given", given))
        _Body(log, lambda number: number, program.how).see()
        op = program.drive[0]
        if op.what == THROW and op.number % 3:
            raise _THROWN[op.number % 2](op.number)
    return "left"


def _step(made: Any, op: Op, log: Log) -> None:
    """One step of a coroutine, a generator, or an async generator, by hand."""
    what, number = op
    # Made where it is thrown: one that a frame of ours held would be part of a cycle, with all that it went through.
    thrown = functools.partial(_THROWN[number % len(_THROWN)], number)
    if inspect.isasyncgen(made):
        _awaited_by_hand(made, what, number, thrown, log)
    elif not hasattr(made, "send"):
        return
    elif what == NEXT:
        _said(log, "next", lambda: made.send(None))
    elif what == SEND:
        _said(log, "send", lambda: made.send(number))
    elif what == THROW:
        _said(log, "throw", lambda: made.throw(thrown()))
    elif what == CLOSE:
        _said(log, "close", made.close)


def _awaited_by_hand(made: Any, what: int, number: int, thrown: Callable[[], BaseException], log: Log) -> None:
    steps = {
        NEXT: lambda: made.asend(None),
        SEND: lambda: made.asend(number),
        THROW: lambda: made.athrow(thrown()),
        CLOSE: lambda: made.aclose(),
    }.get(what)
    if steps is None:
        return
    awaited = steps()
    for turn in range(20):
        found = _said(log, f"asend {what}", lambda sent=turn or None: awaited.send(sent))
        if not (isinstance(found, tuple) and found[:1] == ("pause",)):
            break


def _drive_in_a_loop(program: Program, function: Any, log: Log) -> None:
    """As an event loop does: pauses are its own, and a task may be cancelled."""
    made = _call(program, function, log)
    if inspect.isawaitable(made):

        async def awaiting() -> Any:
            return await _resumed(made)

        _said(log, "ran", lambda: asyncio.run(awaiting()))
    elif inspect.isasyncgen(made):

        async def consuming() -> list[Any]:
            return [item async for item in _resumed_items(made)]

        _said(log, "ran", lambda: str(asyncio.run(consuming())))
    elif inspect.isgenerator(made):
        _said(log, "ran", lambda: str(list(made)))


async def _resumed(awaitable: Any) -> Any:
    return await _Loop(awaitable.__await__() if hasattr(awaitable, "__await__") else awaitable)


async def _resumed_items(items: Any) -> Any:
    try:
        while True:
            try:
                item = await _Loop(items.__anext__().__await__())
            except StopAsyncIteration:
                return
            yield item
            await asyncio.sleep(0)
    finally:
        await _Loop(items.aclose().__await__())


class _Loop:
    """Turns the programs' pauses into a task's."""

    def __init__(self, steps: Any) -> None:
        self.steps = steps

    def __await__(self) -> Any:
        sent: Any = None
        while True:
            try:
                found = self.steps.send(sent) if sent is not None else next(self.steps)
            except StopIteration as stop:
                return stop.value
            if isinstance(found, tuple) and found[:1] == ("pause",):
                yield from asyncio.sleep(0).__await__()
                sent = found[1]
            else:
                sent = yield found


# --- random ones -----------------------------------------------------------------------------------------------------

_ops = st.builds(Op, st.integers(0, GROUP), st.integers(0, 9))
_pauses = st.builds(Op, st.sampled_from((PAUSE, SEE)), st.integers(0, 9))
_actions = st.builds(Op, st.sampled_from((NEXT, NEXT, NEXT, SEND, THROW, CLOSE, DROP)), st.integers(0, 9))
_names = st.sampled_from(("b", "observer", "error", "result", "function", "self", "args", "class", "", "a b", "ﬁ"))

programs: Final = st.builds(
    Program,
    kind=st.sampled_from(KINDS),
    ops=st.lists(_ops | _pauses, max_size=8).map(tuple),
    catches=st.booleans(),
    on_close=st.sampled_from(("raise", "return")),
    drive=st.lists(_actions, min_size=1, max_size=8).map(tuple),
    arguments=st.tuples(
        st.lists(st.integers(0, 9), max_size=4).map(tuple),
        st.lists(st.tuples(_names, st.integers(0, 9)), max_size=2, unique_by=lambda one: one[0]).map(tuple),
    ),
    how=st.sampled_from(HOWS),
    wraps=st.integers(0, 2),
)
_one_of_ours = st.sampled_from(
    (
        atlas.observe,
        atlas.tool,
        atlas.tool(name="named"),
        atlas.llm(model="m"),
        atlas.session,
        atlas.session(new=True),
        atlas.step(id=1),
        atlas.agent,
        atlas.observe(capture_output=False, capture_input=False),
        atlas.tool(ignore_inputs=["b"], expected=Retry),
        atlas.observe(output_reducer=len),
    )
)


def _stack(decorators: list[Any]) -> Decorate:
    def decorate(function: Any) -> Any:
        for decorator in decorators:
            function = decorator(function)
        return function

    return decorate


stacks: Final = st.lists(_one_of_ours, min_size=1, max_size=3).map(_stack)

"""What a plain function returned may be a promise of its result: a coroutine, a future, an object to be awaited.

The call then ends when the promise is kept or broken. The caller gets what it would get without us: futures are handed
on as they are, a coroutine as a coroutine, any other awaitable as an object that is like it in all but that.
"""

from __future__ import annotations

import inspect
import sys
import types
from functools import lru_cache, partial
from types import AsyncGeneratorType, CoroutineType, FunctionType, GeneratorType
from typing import TYPE_CHECKING, Any, Final

from atlas_otel.tracing.driving import NOBODY, PARTS, drive, shared, unseen
from atlas_otel.tracing.templates import ASYNC_GENERATOR, GENERATOR, Shape, assemble
from atlas_otel.tracing.transparent import special, transparent

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from atlas_otel.tracing.driving import Observer

PLAIN: Final = frozenset({str, int, float, bool, type(None), list, dict, tuple, bytes, set})
"""Types of values that promise nothing: asked first, since most calls return one of them."""

_FUTURE: Final = "future"
_AWAITABLE: Final = "awaitable"
_NO_PROMISE: Final = ""
# How a type says itself that its instances are awaited; a proxy's look-up is no such thing, nor is a mock's.
_METHODS: Final = (FunctionType, types.WrapperDescriptorType, types.MethodDescriptorType)


def settle(observer: Observer, result: Any) -> Any:
    """What to return in place of ``result``; ``observer`` is told the call's end now, or later."""
    kind = type(result)
    if kind is CoroutineType:
        observer.suspend()
        return _named_as(result, _coroutine(_Held(observer, result)))
    if kind is GeneratorType:
        if result.gi_code.co_flags & inspect.CO_ITERABLE_COROUTINE:
            observer.suspend()
            return _named_as(result, _iterable_coroutine(_Held(observer, result)))
    elif kind is not AsyncGeneratorType:
        try:
            promise = _promise(kind)  # type: ignore[arg-type]  # a type is hashable
        except Exception:  # a type that cannot be hashed, or looked into
            promise = _NO_PROMISE
        if promise is _FUTURE and not _is_done(result):
            observer.suspend()
            _watch(observer, result)
            return result
        if promise is _FUTURE:
            _finish(observer, result)
            return result
        if promise is _AWAITABLE:
            observer.suspend()
            return _stand_in(_Held(observer, result))
    observer.returned(result)
    return result


def settle_stream(observer: Observer, result: Any) -> Any:
    """The same for a function that wraps a generator function: a generator that it returns is the caller's own."""
    kind = type(result)
    if kind is GeneratorType and not result.gi_code.co_flags & inspect.CO_ITERABLE_COROUTINE:
        observer.suspend()
        observer.stream()
        return _named_as(result, _items(_Held(observer, result)))
    if kind is AsyncGeneratorType:
        observer.suspend()
        observer.stream()
        return _named_as(result, _async_items(_Held(observer, result)))
    return settle(observer, result)


@lru_cache(maxsize=1024)
def _promise(cls: type) -> str:
    """What instances of ``cls`` promise, as far as the type itself says; no code of theirs runs."""
    bases = [(base, type.__dict__["__dict__"].__get__(base)) for base in type.__dict__["__mro__"].__get__(cls)]
    for base, held in bases:
        if "_asyncio_future_blocking" in held:
            return _FUTURE
        if held.get("__module__") == "concurrent.futures._base" and base.__name__ == "Future":
            return _FUTURE
    found = next((held["__await__"] for _, held in bases if "__await__" in held), None)
    native = isinstance(found, _METHODS) or type(found).__name__ == "cython_function_or_method"
    return _AWAITABLE if native else _NO_PROMISE


class _Held:
    """Who observes a promise, until somebody asks for it. Where nobody does, the observer is told so, and a coroutine
    that was never begun is closed, so that Python says once that it was never awaited."""

    __slots__ = ("observer", "promise")

    def __init__(self, observer: Observer, promise: Any) -> None:
        self.observer = observer
        self.promise = promise

    def take(self) -> Observer:
        """The observer, once; afterwards one that does nothing: a promise may be asked for again."""
        observer, self.observer = self.observer, NOBODY
        return observer

    def __del__(self) -> None:
        if self.observer is NOBODY:
            return
        self.take().unawaited(self.promise)
        mine = sys.getrefcount(self.promise) <= 2
        if mine and type(self.promise) is CoroutineType and inspect.getcoroutinestate(self.promise) == "CORO_CREATED":
            self.promise.close()


def _named_as(original: Any, standing: Any) -> Any:
    standing.__name__, standing.__qualname__ = original.__name__, original.__qualname__
    return standing


# --- coroutines and generators -----------------------------------------------------------------------------------


async def _coroutine(held: _Held) -> Any:
    promise = held.promise
    if promise.cr_await is not None:  # ``await`` refuses it; to resume it by hand would go on in another's place
        raise RuntimeError("coroutine is being awaited already")
    return await drive(held.take(), promise)


@types.coroutine
def _iterable_coroutine(held: _Held) -> Generator[Any, Any, Any]:
    return (yield from drive(held.take(), held.promise))


def _taken(_: object, given: Mapping[str, _Held]) -> Observer:
    return shared(given["held"].take(), sys._getframe(2))


def _promised(held: _Held) -> Any:
    return held.promise


def _generator_of(template: str, stop: type[Exception]) -> FunctionType:
    parts = {**PARTS, "begin": _taken, "enter": None, "function": _promised, "stop": stop}
    return assemble(Shape(template, 0, 1, 0, False, False), ("held",), "generator", parts, globals())


_items: Final = _generator_of(GENERATOR, StopIteration)
_async_items: Final = _generator_of(ASYNC_GENERATOR, StopAsyncIteration)


# --- other awaitables ----------------------------------------------------------------------------------------------


def _steps(awaitable: Any) -> Any:
    """``awaitable`` as something with ``send`` and ``throw``."""
    return awaitable if type(awaitable) is CoroutineType else _delegating(awaitable.__await__())


def _delegating(iterator: Iterator[Any]) -> Generator[Any, Any, Any]:
    return (yield from iterator)


class _Steps:
    """The steps of an awaitable, each observed as it is taken."""

    __slots__ = ("_held", "_iterator", "_observer")

    def __init__(self, held: _Held, iterator: Any) -> None:
        self._held = held
        self._iterator = iterator
        self._observer: Observer | None = None

    def take(self, how: str, *given: Any) -> Any:
        """``send``, ``throw`` or ``close``, or ``__next__``."""
        observer = self._observer or self._held.take()
        self._observer = NOBODY
        observer.resume()
        try:
            found = getattr(self._iterator, how)(*given)
        except StopIteration as stop:
            observer.returned(stop.value)
            raise
        except BaseException as error:
            observer.raised(error)
            raise
        if how == "close":
            observer.raised(GeneratorExit())
        else:
            observer.suspend()
            self._observer = observer
        return found

    def __del__(self) -> None:
        if self._observer is not None:
            self._observer.raised(GeneratorExit())

    def stands(self) -> dict[str, Callable[..., Any]]:
        """What stands in place of the iterator's own ways to take a step."""
        ways = ("__next__", "send", "throw", "close")
        return {way: partial(self.take, way) for way in ways if special(type(self._iterator), way) is not None}


def _awaited(held: _Held) -> Any:
    iterator = type(held.promise).__await__(held.promise)
    return transparent(iterator, _Steps(held, iterator).stands())


async def _entered(held: _Held) -> Any:
    return await drive(held.take(), _steps(type(held.promise).__aenter__(held.promise)))


def _stand_in(held: _Held) -> Any:
    """An object like the promise, whose first use as a promise is observed."""
    promise = held.promise
    kind = type(promise)
    stands: dict[str, Callable[..., Any]] = {"__await__": lambda: _awaited(held)}
    if special(kind, "__aenter__") is not None:
        stands["__aenter__"] = lambda: _entered(held)
    if special(kind, "send") is not None and special(kind, "throw") is not None:  # an event loop drives it by hand
        stands.update(_Steps(held, promise).stands())
    return transparent(promise, stands)


# --- futures ---------------------------------------------------------------------------------------------------------


def _is_done(future: Any) -> bool:
    try:
        return bool(future.done())
    except Exception:
        return True


class _Awaiting:
    """A future's callback. A future that is given up before it is done takes it along."""

    __slots__ = ("observer",)

    def __init__(self, observer: Observer) -> None:
        self.observer = observer

    def __call__(self, future: Any) -> None:
        observer, self.observer = self.observer, NOBODY
        _finish(observer, future)

    def __del__(self) -> None:
        if self.observer is not NOBODY:
            self.observer.unawaited(None)


def _watch(observer: Observer, future: Any) -> None:
    try:
        future.add_done_callback(_Awaiting(observer))
    except Exception:  # a future of its own kind, or one whose loop was closed
        observer.unawaited(future)


def _finish(observer: Observer, future: Any) -> None:
    """Tell ``observer`` how ``future`` came out, without taking note of its exception in its owner's place."""
    try:
        if future.cancelled():
            observer.raised(_cancelled(future))
            return
        # ``exception()`` would tell asyncio that somebody has seen it, and its warning would never come.
        error = future._exception if hasattr(future, "_exception") else future.exception()
        if error is not None:
            observer.raised(error)
        else:
            observer.returned(future.result())
    except Exception:
        observer.unawaited(None)


def _cancelled(future: Any) -> BaseException:
    module = "asyncio" if hasattr(type(future), "_asyncio_future_blocking") else "concurrent.futures"
    error: BaseException = sys.modules[module].CancelledError()
    return error


for _function in (_coroutine, _iterable_coroutine, _delegating, _Steps.take, _entered):
    unseen(_function)

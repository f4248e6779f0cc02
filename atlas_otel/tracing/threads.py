"""Threads and pools take the context of who starts them, or hands them work.

OpenTelemetry's context stays behind where a thread begins. So:

- a thread takes it from whoever starts it (``threading.Thread`` and its subclasses, a ``Timer``), a greenlet of gevent
  from whoever spawns it;
- a pool's workers have none, and each call, callback and lazy iterable has that of whoever submits it
  (``concurrent.futures``, ``multiprocessing.pool.ThreadPool``). A worker that first started inside one session would
  otherwise do the next one's work in its name.

Only OpenTelemetry's context is carried; the program's own context variables are left as they are. Beside
``opentelemetry-instrumentation-threading`` both carry the same.
"""

from __future__ import annotations

import contextvars
import functools
import sys
import threading
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context as otel_context

from atlas_otel.process import fork
from atlas_otel.process.imports import when_imported
from atlas_otel.tracing.context import activate, restore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import ModuleType

    from opentelemetry.context import Context

_CARRIED: Final = "_atlas_otel_context"
_POOLS: Final = frozenset({"concurrent.futures.thread", "multiprocessing.pool"})
"""Where a pool's workers are defined: theirs is the context of each call."""
_EAGER: Final = (list, tuple, range, set, frozenset, dict, str)

_lock = fork.lock()
_carrying = False


def carry_context() -> None:
    """Have all threads and pools of this process carry the context from now on. Idempotent, for good."""
    global _carrying
    with _lock:
        if _carrying:
            return
        _carrying = True
        _carry_in_threads()
        when_imported("concurrent.futures.thread", _carry_in_executors)
        when_imported("multiprocessing.pool", _carry_in_pools)
        when_imported("gevent.greenlet", _carry_in_greenlets)
        when_imported("gevent.threadpool", _carry_in_native_threads)


def within(context: Context, function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` with ``context`` current while it runs."""

    def run(*args: Any, **kwargs: Any) -> Any:
        token = activate(context)
        try:
            return function(*args, **kwargs)
        finally:
            restore(token)

    return run


def _carry_in_threads() -> None:
    _carry_from_start(threading.Thread)
    if "start" in vars(threading.Timer):  # another instrumentation was there first
        _carry_from_start(threading.Timer)
    # The whole life of a thread, also where a subclass has a ``run`` of its own.
    begin_name = "_bootstrap_inner" if hasattr(threading.Thread, "_bootstrap_inner") else "run"
    begin: Callable[..., Any] = getattr(threading.Thread, begin_name)

    @functools.wraps(begin)
    def begin_within(self: threading.Thread, *args: Any) -> Any:
        context = self.__dict__.pop(_CARRIED, None)
        if context is not None:
            activate(context)  # for good: the thread ends with it
        return begin(self, *args)

    setattr(threading.Thread, begin_name, begin_within)


def _carry_from_start(of: type[threading.Thread]) -> None:
    start = of.start

    @functools.wraps(start)
    def start_within(self: threading.Thread) -> None:
        context = otel_context.get_current()
        if context and getattr(getattr(self, "_target", None), "__module__", None) not in _POOLS:
            self.__dict__[_CARRIED] = context
        start(self)

    of.start = start_within  # type: ignore[method-assign]


def _carry_in_executors(module: ModuleType) -> None:
    executor = module.ThreadPoolExecutor
    submit = executor.submit

    @functools.wraps(submit)
    def submit_within(self: Any, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        context = otel_context.get_current()
        if context and not _in_interpreters(self):
            fn = within(context, fn)
        return submit(self, fn, *args, **kwargs)

    executor.submit = submit_within


def _in_interpreters(executor: object) -> bool:
    """Whether it runs its calls in other interpreters, to which no context can be taken (Python 3.14)."""
    module = sys.modules.get("concurrent.futures.interpreter")
    return module is not None and isinstance(executor, module.InterpreterPoolExecutor)


def _carry_in_pools(module: ModuleType) -> None:
    pool, thread_pool = module.Pool, module.ThreadPool
    apply_async, map_async = pool.apply_async, pool._map_async

    def carried(self: Any, *functions: Callable[..., Any] | None) -> list[Any]:
        context = otel_context.get_current()
        if not context or not isinstance(self, thread_pool):
            return list(functions)
        return [within(context, one) if callable(one) else one for one in functions]

    @functools.wraps(apply_async)
    def apply_within(
        self: Any,
        func: Any,
        args: Any = (),
        kwds: Any = MappingProxyType({}),
        callback: Any = None,
        error_callback: Any = None,
    ) -> Any:
        func, callback, error_callback = carried(self, func, callback, error_callback)
        return apply_async(self, func, args, kwds, callback, error_callback)

    @functools.wraps(map_async)
    def map_within(
        self: Any,
        func: Any,
        iterable: Any,
        mapper: Any,
        chunksize: Any = None,
        callback: Any = None,
        error_callback: Any = None,
    ) -> Any:
        func, callback, error_callback = carried(self, func, callback, error_callback)
        return map_async(self, func, iterable, mapper, chunksize, callback, error_callback)

    pool.apply_async = apply_within
    pool._map_async = map_within
    for name in ("imap", "imap_unordered"):
        setattr(pool, name, _lazily(getattr(pool, name), thread_pool, carried))


def _lazily(imap: Callable[..., Any], thread_pool: type, carried: Callable[..., list[Any]]) -> Callable[..., Any]:
    """``imap``, whose iterable a thread of the pool's runs through."""

    @functools.wraps(imap)
    def imap_within(self: Any, func: Any, iterable: Any, chunksize: int = 1) -> Any:
        context = otel_context.get_current()
        if context and isinstance(self, thread_pool) and type(iterable) not in _EAGER:
            iterable = _steps(context, iterable)
        return imap(self, *carried(self, func), iterable, chunksize)

    return imap_within


def _steps(context: Context, iterable: Iterable[Any]) -> Iterator[Any]:
    step = within(context, iter(iterable).__next__)
    while True:
        try:
            item = step()
        except StopIteration:
            return
        yield item


def _carry_in_greenlets(module: ModuleType) -> None:
    module.Greenlet.add_spawn_callback(_spawned)


def _spawned(greenlet: Any) -> None:
    """Called by gevent in whoever spawns. A greenlet begins with no context variables, and gets no more than ours."""
    context = otel_context.get_current()
    if context:
        held = greenlet.gr_context if greenlet.gr_context is not None else contextvars.Context()
        held.run(activate, context)
        greenlet.gr_context = held


def _carry_in_native_threads(module: ModuleType) -> None:
    pool = module.ThreadPool
    spawn = pool.spawn

    @functools.wraps(spawn)
    def spawn_within(self: Any, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        context = otel_context.get_current()
        return spawn(self, within(context, func) if context else func, *args, **kwargs)

    pool.spawn = spawn_within

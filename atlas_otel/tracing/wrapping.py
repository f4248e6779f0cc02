"""A wrapper that no caller can tell from what it wraps: same kind, parameters, defaults, attributes and refusals.

A wrapper written as ``async def wrapper(*args, **kwargs)`` accepts what the function would refuse, and refuses it only
when awaited. So a function's wrapper has the function's own parameters (``templates``): Python itself binds the call,
raises TypeError where and when the bare function would, and hands over the arguments by name at no further cost.
Parameters are those of the function's code: a ``__signature__`` is what a function shows, not what it takes.

What is no function is rebuilt around its wrapped function where Python makes it of one (``functools.partial``, bound
methods, ``classmethod``, ``property``, …); anything else gets a stand-in that is like it in all but the call
(``transparent``).
"""

from __future__ import annotations

import functools
import inspect
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from atlas_otel.tracing.driving import PARTS, STEPS, begin, begin_steps
from atlas_otel.tracing.naming import names_of
from atlas_otel.tracing.settling import PLAIN, settle, settle_stream
from atlas_otel.tracing.templates import (
    ASYNC_GENERATOR,
    CALL,
    COROUTINE,
    GENERATOR,
    Shape,
    assemble,
    parameters_of,
    shape_of,
)
from atlas_otel.tracing.transparent import is_transparent, special, transparent

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from atlas_otel.tracing.driving import Enter

F = TypeVar("F")

_SELF: Final = ("self", "cls", "mcs")
_ANY: Final = Shape(CALL, 0, 0, 0, True, True)


def wrap(function: F, enter: Enter, *, ignore: Collection[str] = ()) -> F:
    """``function`` with ``enter`` around each call. It stays what it is.

    ``self`` and ``cls`` (as first parameters) and the names in ``ignore`` are not handed to ``enter``. Raises TypeError
    for a class, and for what neither can be called nor becomes callable when it is looked up on an instance.
    """
    return cast("F", _wrap(function, enter, frozenset(ignore), bound=False))


def name_of(function: object) -> str:
    """What to call ``function``: its own name, or that of the function it is made of; else its type's."""
    for _ in range(32):
        inner = _made_of(function)
        if inner is None:
            break
        function = inner
    try:
        name = function.__name__ if hasattr(function, "__name__") else type(function).__name__
        return str(name)
    except Exception:  # a stranger's ``__getattr__``
        return type(function).__name__


def _made_of(function: Any) -> Any:
    kind = type(function)
    if issubclass(kind, (classmethod, staticmethod, MethodType)):
        return function.__func__
    if issubclass(kind, (functools.partial, functools.partialmethod, functools.cached_property)):
        return function.func
    if issubclass(kind, property):
        return function.fget
    if issubclass(kind, functools.singledispatchmethod):
        return function.func
    return None


def _wrap(function: Any, enter: Enter, ignore: frozenset[str], *, bound: bool) -> Any:
    kind = type(function)
    if kind is FunctionType:
        return _wrap_function(function, enter, ignore, bound=bound)
    if issubclass(kind, type):
        raise TypeError(f"cannot decorate {function!r}: give a function or a method")
    rebuilt = _rebuild(function, enter, ignore)
    if rebuilt is not None:
        return rebuilt
    if special(kind, "__call__") is None and special(kind, "__get__") is None:
        raise TypeError(f"cannot decorate {function!r}: give a function or a method")
    return _stand_in(function, enter, ignore, bound=bound)


def _rebuild(function: Any, enter: Enter, ignore: frozenset[str]) -> Any:
    """What Python makes of a function, made of the wrapped one; None for anything else."""
    kind = type(function)
    try:
        if kind is MethodType:
            return MethodType(_wrap(function.__func__, enter, ignore, bound=True), function.__self__)
        if kind is functools.partial or issubclass(kind, functools.partial):
            _, _, (inner, *rest) = function.__reduce__()
            made: Any = kind.__new__(kind, print)
            made.__setstate__((_wrap(inner, enter, ignore, bound=False), *rest))
            return made
        if issubclass(kind, (classmethod, staticmethod)):
            return kind(_wrap(function.__func__, enter, ignore, bound=issubclass(kind, classmethod)))
        if issubclass(kind, functools.partialmethod):
            return kind(_wrap(function.func, enter, ignore, bound=True), *function.args, **function.keywords)
        if issubclass(kind, functools.cached_property):
            made = kind(_wrap(function.func, enter, ignore, bound=True))
            made.attrname = function.attrname
            return made
        if issubclass(kind, property):
            getter = _wrap(function.fget, enter, ignore, bound=True)
            return kind(getter, function.fset, function.fdel, function.__doc__)
    except (TypeError, ValueError, AttributeError):  # a subclass that is made otherwise, a partial of a class
        return None
    return None


def _wrap_function(function: FunctionType, enter: Enter, ignore: frozenset[str], *, bound: bool) -> FunctionType:
    code = function.__code__
    parameters = parameters_of(code)
    hidden = {index for index, name in enumerate(parameters) if name in ignore}
    if parameters and code.co_argcount and (bound or parameters[0] in _SELF):
        hidden.add(0)
    shape = shape_of(_template(code.co_flags), code, frozenset(hidden))
    names = names_of(function, enter, ignore, takes_anything=_takes_anything(code), bound=bound)
    wrapper = _assemble(function, shape, parameters, names)
    wrapper.__defaults__ = function.__defaults__
    wrapper.__kwdefaults__ = None if function.__kwdefaults__ is None else dict(function.__kwdefaults__)
    functools.update_wrapper(wrapper, function)
    return wrapper


def _template(flags: int) -> str:
    if flags & inspect.CO_COROUTINE:
        return COROUTINE
    if flags & inspect.CO_ASYNC_GENERATOR:
        return ASYNC_GENERATOR
    return GENERATOR if flags & inspect.CO_GENERATOR else CALL


def _takes_anything(code: Any) -> bool:
    return not code.co_argcount and not code.co_kwonlyargcount


def _assemble(function: Any, shape: Shape, parameters: tuple[str, ...], enter: Enter) -> FunctionType:
    flags = function.__code__.co_flags if type(function) is FunctionType else 0
    awaited = bool(flags & inspect.CO_ITERABLE_COROUTINE)
    given: dict[str, object] = {
        **PARTS,
        "begin": begin_steps if awaited else begin,
        "enter": enter,
        "function": function,
        "plain": PLAIN,
        "settle": settle_stream if shape.template is CALL and _wraps_a_generator(function) else settle,
        "steps": STEPS,
        "stop": StopAsyncIteration if shape.template is ASYNC_GENERATOR else StopIteration,
        "type_of": type,
    }
    namespace = function.__globals__ if type(function) is FunctionType else globals()
    wrapper = assemble(shape, parameters, name_of(function), given, namespace)
    if awaited:
        code = wrapper.__code__
        wrapper.__code__ = code.replace(co_flags=code.co_flags | inspect.CO_ITERABLE_COROUTINE)
    return wrapper


def _wraps_a_generator(function: Any) -> bool:
    """Whether another decorator made a plain function of a generator function."""
    try:
        inner = inspect.unwrap(function)
    except Exception:  # a cycle, or a stranger's ``__getattr__``
        return False
    return inner is not function and (inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner))


# --- what is no function ---------------------------------------------------------------------------------------------


def _stand_in(inner: Any, enter: Enter, ignore: frozenset[str], *, bound: bool) -> Any:
    """An object like ``inner`` whose calls are observed, and those of what it becomes on an instance."""
    stands: dict[str, Callable[..., Any]] = {}
    made = transparent(inner, stands)
    kind = type(inner)
    call = special(kind, "__call__")
    if is_transparent(inner):  # decorated once more
        stands["__call__"] = _wrap(inner.__call__, enter, ignore, bound=bound)
    elif type(call) is FunctionType:
        stands["__call__"] = MethodType(_wrap_function(call, enter, ignore, bound=True), inner)
    elif call is not None:
        names = names_of(inner, enter, ignore, takes_anything=True, bound=bound)
        observed: Any = _assemble(inner, _ANY, ("args", "kwargs"), names)
        observed.__wrapped__ = inner
        stands["__call__"] = observed
    if special(kind, "__get__") is not None:
        bind = special(kind, "__get__")

        def get(instance: Any, owner: type | None = None) -> Any:
            found = bind(inner, instance, owner)
            if found is inner:
                return made
            if type(found) is MethodType and found.__func__ is inner:
                return MethodType(made, found.__self__)
            try:
                return _wrap(found, enter, ignore, bound=False)
            except TypeError:  # an attribute's value, and no method
                return found

        stands["__get__"] = get
    return made

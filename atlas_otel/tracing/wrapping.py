"""A wrapper that no caller can tell from the function it wraps: same kind, signature, defaults and refusals.

A wrapper written as ``async def wrapper(*args, **kwargs)`` accepts what the function would refuse, and refuses it only
when awaited. So the wrapper's ``def`` line is generated with the function's own parameters (as ``dataclasses`` and
``attrs`` generate ``__init__``): Python itself binds the call, raises TypeError where and when the bare function would,
and hands over the arguments by name at no further cost.

What runs around the call is given as ``enter(arguments)``: it returns something with ``returned(result)`` and
``raised(error)``, or None for "leave this call alone". For generators it returns a driver that is told of each step:
``resume()`` before the body runs, ``suspend()`` after, so that nothing stays current across a ``yield``.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

F = TypeVar("F")


class Observer(Protocol):
    """What is told how one call went. None of its methods raises."""

    def returned(self, result: object) -> None:
        """The call returned (a generator: its return value)."""

    def raised(self, error: BaseException) -> None:
        """The call raised."""

    def resume(self) -> None:
        """The body of a generator is about to run."""

    def suspend(self) -> None:
        """The body of a generator has stopped at a yield, or for good."""

    def item(self, value: object) -> None:
        """A generator yielded ``value``."""

    def broken_off(self) -> None:
        """A generator was closed by its consumer before it was exhausted."""


class Enter(Protocol):
    """Begins the observation of one call. Never raises."""

    def __call__(self, arguments: Mapping[str, Any], *, streaming: bool = False) -> Observer | None:
        """Begin; None leaves the call alone. ``streaming``: the call is a generator's."""


_SYNC = """
def {name}({parameters}):
    observer = __atlas_enter({named})
    if observer is None:
        return __atlas_function({forward})
    try:
        result = __atlas_function({forward})
    except BaseException as error:
        observer.raised(error)
        raise
    observer.returned(result)
    return result
"""

_ASYNC = """
async def {name}({parameters}):
    observer = __atlas_enter({named})
    if observer is None:
        return await __atlas_function({forward})
    try:
        result = await __atlas_function({forward})
    except BaseException as error:
        observer.raised(error)
        raise
    observer.returned(result)
    return result
"""

_GENERATOR = """
def {name}({parameters}):
    return (yield from __atlas_drive(__atlas_enter, {named}, __atlas_function({forward})))
"""

# An async generator cannot delegate with ``yield from``: this is PEP 380's expansion, awaited.
_ASYNC_GENERATOR = """
async def {name}({parameters}):
    generator = __atlas_function({forward})
    observer = __atlas_enter({named}, streaming=True)
    left = __atlas_left(observer)
    step, value = generator.__anext__, ()
    try:
        while True:
            if observer is not None:
                observer.resume()
            try:
                item = await step(*value)
            finally:
                if observer is not None:
                    observer.suspend()
            if observer is not None:
                observer.item(item)
            try:
                sent = yield item
            except GeneratorExit:
                if observer is not None:
                    observer.resume()
                try:
                    await generator.aclose()
                finally:
                    if observer is not None:
                        observer.suspend()
                if observer is not None:
                    observer.broken_off()
                raise
            except BaseException as error:
                step, value = generator.athrow, (error,)
            else:
                step, value = (generator.__anext__, ()) if sent is None else (generator.asend, (sent,))
    except StopAsyncIteration:
        if observer is not None:
            observer.returned(None)
    except GeneratorExit:
        raise
    except BaseException as error:
        if observer is not None:
            observer.raised(error)
        raise
    finally:
        left.observer = None
"""


class _Left:
    """Stands in an async generator's frame. One whose loop was closed under it is collected without being closed, so
    that not even its ``finally`` runs: then this tells the observer that nobody will come back for it."""

    __slots__ = ("observer",)

    def __init__(self, observer: Observer | None) -> None:
        self.observer = observer

    def __del__(self) -> None:
        if self.observer is not None:
            self.observer.broken_off()


def wrap(function: F, enter: Enter, *, ignore: Collection[str] = ()) -> F:
    """``function`` with ``enter`` around each call.

    Functions, coroutine functions, generator functions and async generator functions stay what they are; a
    classmethod or staticmethod object is wrapped inside. ``self`` and ``cls`` (as first parameters) and the names
    in ``ignore`` are not handed to ``enter``. Raises TypeError for what cannot be called.
    """
    if isinstance(function, (classmethod, staticmethod)):
        return cast("F", type(function)(wrap(function.__func__, enter, ignore=ignore)))
    if isinstance(function, type) or not callable(function):
        raise TypeError(f"cannot decorate {function!r}: give a function or a method")
    return cast("F", _generate(function, enter, frozenset(ignore)))


def _template(function: Callable[..., Any]) -> str:
    kinds = (
        (inspect.isasyncgenfunction, _ASYNC_GENERATOR),
        (inspect.iscoroutinefunction, _ASYNC),
        (inspect.isgeneratorfunction, _GENERATOR),
    )
    call = type(function).__call__  # an instance whose class has ``async def __call__``
    for test, template in kinds:
        if test(function) or (not inspect.isroutine(function) and test(call)):
            return template
    return _SYNC


def _generate(function: Callable[..., Any], enter: Enter, ignore: frozenset[str]) -> Callable[..., Any]:
    try:
        # Not the signature of what ``function`` wraps: a decorator below may take other arguments than that.
        parameters = list(inspect.signature(function, follow_wrapped=False).parameters.values())
    except (TypeError, ValueError):  # a builtin without a signature
        parameters = list(inspect.signature(_any).parameters.values())
    defaults = {f"__atlas_default_{i}": p.default for i, p in enumerate(parameters)}
    hidden = ignore | {p.name for p in parameters[:1] if p.name in ("self", "cls", "mcs")}
    name = getattr(function, "__name__", "call")
    source = _template(function).format(
        name=name if name.isidentifier() else "call",
        parameters=_parameters(parameters),
        forward=_forward(parameters),
        named=_named(parameters, hidden),
    )
    namespace: dict[str, Any] = {
        **defaults,
        "__atlas_function": function,
        "__atlas_enter": _by_wrapped_names(function, parameters, enter, hidden),
        "__atlas_drive": _drive,
        "__atlas_left": _Left,
    }
    exec(compile(source, f"<atlas_otel wrapper of {name}>", "exec"), namespace)  # noqa: S102 - our own template
    wrapper: Callable[..., Any] = namespace[name if name.isidentifier() else "call"]
    functools.update_wrapper(wrapper, function)
    return wrapper


def _any(*args: Any, **kwargs: Any) -> None: ...


def _parameters(parameters: list[inspect.Parameter]) -> str:
    parts: list[str] = []
    keyword_only = False
    for index, p in enumerate(parameters):
        default = "" if p.default is p.empty else f"=__atlas_default_{index}"
        if p.kind is p.VAR_POSITIONAL:
            parts.append(f"*{p.name}")
            keyword_only = True
        elif p.kind is p.VAR_KEYWORD:
            parts.append(f"**{p.name}")
        else:
            if p.kind is p.KEYWORD_ONLY and not keyword_only:
                parts.append("*")
                keyword_only = True
            parts.append(f"{p.name}{default}")
            follows = parameters[index + 1].kind if index + 1 < len(parameters) else None
            if p.kind is p.POSITIONAL_ONLY and follows is not p.POSITIONAL_ONLY:
                parts.append("/")
    return ", ".join(parts)


def _forward(parameters: list[inspect.Parameter]) -> str:
    forms: dict[object, str] = {
        inspect.Parameter.VAR_POSITIONAL: "*{0}",
        inspect.Parameter.VAR_KEYWORD: "**{0}",
        inspect.Parameter.KEYWORD_ONLY: "{0}={0}",
    }
    return ", ".join(forms.get(p.kind, "{0}").format(p.name) for p in parameters)


def _named(parameters: list[inspect.Parameter], hidden: frozenset[str]) -> str:
    shown = [p for p in parameters if p.name not in hidden]
    entries = [f"**{p.name}" for p in shown if p.kind is p.VAR_KEYWORD]
    entries += [f"{p.name!r}: {p.name}" for p in shown if p.kind is not p.VAR_KEYWORD]
    return "{" + ", ".join(entries) + "}"


def _by_wrapped_names(
    function: Callable[..., Any], parameters: list[inspect.Parameter], enter: Enter, hidden: frozenset[str]
) -> Enter:
    """Names for the arguments of a function that another decorator made ``(*args, **kwargs)`` of."""
    if not hasattr(function, "__wrapped__") or any(p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters):
        return enter
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return enter
    positional = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), None)

    def named(arguments: Mapping[str, Any], *, streaming: bool = False) -> Observer | None:
        rest = dict(arguments)
        args = rest.pop(positional, ()) if positional else ()
        try:
            bound = signature.bind(*args, **rest)
        except TypeError:  # the decorator below gives arguments of its own
            return enter(arguments, streaming=streaming)
        bound.apply_defaults()
        unbound = {"self", "cls"} | hidden
        return enter({k: v for k, v in bound.arguments.items() if k not in unbound}, streaming=streaming)

    return named


def _drive(enter: Enter, arguments: Mapping[str, Any], generator: Any) -> Any:
    """Run a generator step by step; nothing of ours is current while it is suspended (PEP 380's expansion)."""
    observer = enter(arguments, streaming=True)
    if observer is None:
        return (yield from generator)
    step: Callable[..., Any] = generator.__next__
    value: tuple[Any, ...] = ()
    try:
        while True:
            observer.resume()
            try:
                item = step(*value)
            finally:
                observer.suspend()
            observer.item(item)
            try:
                sent = yield item
            except GeneratorExit:
                observer.resume()
                try:
                    generator.close()
                finally:
                    observer.suspend()
                observer.broken_off()
                raise
            except BaseException as error:
                step, value = generator.throw, (error,)
            else:
                step, value = (generator.__next__, ()) if sent is None else (generator.send, (sent,))
    except StopIteration as stop:
        observer.returned(stop.value)
        return stop.value
    except GeneratorExit:
        raise
    except BaseException as error:
        observer.raised(error)
        raise

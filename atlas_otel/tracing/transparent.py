"""An object that is another one to whoever looks at it, but for what stands in place of some of its methods.

A function's wrapper is a function. What is called or awaited and is no function has attributes, methods, a type and
perhaps a way to bind itself to an instance, all of which have to be there after we took its place: ``cache_clear`` of
a cache, ``reduce`` of a ufunc, ``instance`` of a wrapt decorator.
"""

from __future__ import annotations

import inspect
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from atlas_otel.tracing.templates import UNSEEN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_OF_THE_STAND_IN: Final = frozenset(
    {
        "__class__",
        "__class_getitem__",
        "__del__",
        "__delattr__",
        "__getattr__",
        "__getattribute__",
        "__init__",
        "__init_subclass__",
        "__new__",
        "__setattr__",
        "__sizeof__",
        "__subclasshook__",
    }
)
"""Special methods that are not handed on: they make or are the object."""


def special(cls: type, name: str) -> Any:
    """What ``cls`` itself, not its metaclass, has under ``name``, as found on the class; None where it has nothing."""
    for base in type.__dict__["__mro__"].__get__(cls):
        held = type.__dict__["__dict__"].__get__(base)
        if name in held:
            found = held[name]
            try:
                return found.__get__(None, cls) if hasattr(type(found), "__get__") else found
            except AttributeError:  # numpy's types have attributes of instances alone
                return None
    return None


def transparent(inner: Any, stands: Mapping[str, Callable[..., Any]]) -> Any:
    """An object like ``inner``, with ``stands`` in place of its methods of these names.

    Operators and other special methods are those of ``inner``'s type; attributes are read from, set on and deleted
    from ``inner``; ``isinstance`` and ``pickle`` take it for ``inner``.
    """
    found = _classes.get(type(inner))
    if found is None:
        found = _classes[type(inner)] = _class_like(type(inner))
    made: Any = object.__new__(found)
    _set_inner(made, inner)
    _set_stands(made, stands)
    return made


def is_transparent(value: object) -> bool:
    """Whether ``value`` is an object that :func:`transparent` made."""
    return issubclass(type(value), _Transparent)


class _Transparent:
    __slots__ = ("__weakref__", "_inner", "_stands")

    def __getattribute__(self, name: str) -> Any:
        stands = _stands(self)
        if name in stands:
            return stands[name]
        inner = _inner(self)
        if name == "__signature__":
            return _signature(inner)
        return getattr(inner, name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(_inner(self), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(_inner(self), name)


_inner: Final = _Transparent.__dict__["_inner"].__get__
_set_inner: Final = _Transparent.__dict__["_inner"].__set__
_stands: Final = _Transparent.__dict__["_stands"].__get__
_set_stands: Final = _Transparent.__dict__["_stands"].__set__
_classes: WeakKeyDictionary[type, type] = WeakKeyDictionary()


def _class_like(cls: type) -> type:
    """A class whose instances have the special methods of ``cls``."""
    names = {name for base in type.__dict__["__mro__"].__get__(cls) for name in type.__dict__["__dict__"].__get__(base)}
    methods: dict[str, Any] = {"__slots__": (), "__module__": cls.__module__, "__qualname__": cls.__qualname__}
    for name in names - _OF_THE_STAND_IN:
        if name.startswith("__") and name.endswith("__"):
            found = special(cls, name)
            if found is None and name == "__hash__":
                methods[name] = None
            elif callable(found) and not isinstance(found, type):
                methods[name] = _handing_on(name)
    return type(cls.__name__, (_Transparent,), methods)


def _handing_on(name: str) -> FunctionType:
    def method(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        stand = _stands(self).get(name)
        if stand is not None:
            return stand(*args, **kwargs)
        inner = _inner(self)
        args = tuple(_inner(one) if is_transparent(one) else one for one in args)
        result = special(type(inner), name)(inner, *args, **kwargs)
        return self if result is inner else result

    method.__name__ = method.__qualname__ = name
    method.__code__ = method.__code__.replace(co_filename=UNSEEN)
    assert isinstance(method, FunctionType)
    return method


def _signature(inner: Any) -> inspect.Signature:
    """The signature that ``inspect`` finds for ``inner``, which looks for it on types."""
    given = getattr(inner, "__signature__", None)
    if given is not None:
        return given  # type: ignore[no-any-return]
    call = special(type(inner), "__call__")
    if type(call) is not FunctionType or hasattr(inner, "__wrapped__"):
        raise AttributeError("__signature__")
    return inspect.signature(MethodType(call, inner))

"""Names for the arguments of what takes ``(*args, **kwargs)``: from the signature it shows, or that of what it wraps.

Only for the record: what the call binds its arguments by is decided by whom it goes to.
"""

from __future__ import annotations

import inspect
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final

from atlas_otel.tracing.driving import CALL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_otel.tracing.driving import Enter, Observer

_SELF: Final = ("self", "cls", "mcs")


def names_of(
    function: Any, enter: Enter, ignore: frozenset[str], *, takes_anything: bool, bound: bool = False
) -> Enter:
    """``enter``, told the arguments by the names that ``function`` shows, where its own code has none.

    ``bound``: its first argument is an instance. A signature of its own that another decorator gave it may name what
    it never takes: then defaults are not filled in from it.
    """
    if not takes_anything:
        return enter
    try:
        shown = hasattr(function, "__signature__")
        if type(function) is FunctionType and not shown and not hasattr(function, "__wrapped__"):
            return enter
        signature = inspect.signature(function)
    except Exception:  # none that can be told, or a stranger's ``__getattr__``
        return enter
    first = next(iter(signature.parameters), None)
    hidden = ignore | ({first} if first is not None and (bound or first in _SELF) else set())
    rest = inspect.getargs(function.__code__) if type(function) is FunctionType else None
    places = ("args", "kwargs") if rest is None else (rest.varargs, rest.varkw)
    return _naming(enter, signature, hidden, places, defaults=not shown)


def _bound(signature: inspect.Signature, args: Any, kwargs: dict[str, Any]) -> inspect.BoundArguments | None:
    try:
        return signature.bind(*args, **kwargs)
    except TypeError:
        return None


def _naming(
    enter: Enter,
    signature: inspect.Signature,
    hidden: frozenset[str],
    places: tuple[str | None, str | None],
    *,
    defaults: bool,
) -> Enter:
    flat = next((p.name for p in signature.parameters.values() if p.kind is p.VAR_KEYWORD), None)
    positional = places[0]
    listed = list(signature.parameters.values())
    # What became a method by another's hand shows its ``self``, and does not take it.
    without_self = signature.replace(parameters=listed[1:]) if listed and listed[0].name in _SELF else None

    def named(arguments: Mapping[str, Any], mode: int = CALL, /) -> Observer | None:
        rest = dict(arguments)
        args = rest.pop(positional, ()) if positional is not None else ()
        bound = _bound(signature, args, rest) or (without_self and _bound(without_self, args, rest))
        if not bound:  # another decorator gives arguments of its own, or the call will be refused
            return enter(arguments, mode)
        if defaults:
            bound.apply_defaults()
        held = bound.arguments
        more = held.pop(flat, {}) if flat is not None else {}
        return enter({**{k: v for k, v in held.items() if k not in hidden}, **more}, mode)

    return named

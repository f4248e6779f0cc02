"""The code of a wrapper with the parameters of the function it wraps. Pure: from a code object to a code object.

Each template is compiled once for a shape of parameters, with placeholders for their names; the function's own names
are put into the compiled code. So a parameter may be called anything that the interpreter allows and the grammar does
not (``class``, ``per-page``, a ligature that NFKC would change), and no local of ours has a name that code can have.
"""

from __future__ import annotations

import inspect
from functools import lru_cache
from types import CellType, CodeType, FunctionType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

CALL: Final = """
observer = enter({named})
if observer is None:
    return function({forward})
try:
    result = function({forward})
except failure as error:
    observer.raised(error)
    raise
if type_of(result) in plain:
    observer.returned(result)
    return result
return settle(observer, result)
"""

COROUTINE: Final = """
observer = enter({named}, steps)
if observer is None:
    return await function({forward})
return await drive(observer, function({forward}))
"""

# What is thrown in, GeneratorExit too, is thrown on: the body decides what comes of it, as it does without a wrapper.
# ``value`` is emptied at the end: an exception that was thrown in would hold this frame, and be held by it.
GENERATOR: Final = """
observer = begin(enter, {named})
body = function({forward})
step, value, closing = body.send, None, False
try:
    while True:
        observer.resume()
        item = step(value)
        observer.suspend()
        observer.item(item)
        try:
            value = yield item
        except failure as error:
            step, value, closing = body.throw, error, is_close(error)
        else:
            step = body.send
except stop as stopped:
    value = None
    ended(observer, stopped.value, closing)
    return stopped.value
except failure as error:
    value = None
    failed(observer, error, closing)
    raise
"""

ASYNC_GENERATOR: Final = """
observer = begin(enter, {named})
body = function({forward})
left = watch(observer)
step, value, closing = start(body), None, False
try:
    while True:
        item = await advance(observer, step(value))
        observer.item(item)
        try:
            value = yield item
        except failure as error:
            step, value, closing = body.athrow, error, is_close(error)
        else:
            step = body.asend
except stop:
    value = None
    ended(observer, None, closing)
except failure as error:
    value = None
    failed(observer, error, closing)
    raise
finally:
    left.observer = None
"""

UNSEEN: Final = "<atlas_otel wrapper, passed over as importlib._bootstrap is>"
"""The file name of our code in a call: ``stacklevel`` of ``warnings`` (and, from Python 3.11, of ``logging``) does not
count frames of a file with both these words in its name."""

FREE: Final = (
    "advance",
    "begin",
    "drive",
    "ended",
    "enter",
    "failed",
    "failure",
    "function",
    "is_close",
    "plain",
    "settle",
    "start",
    "steps",
    "stop",
    "type_of",
    "watch",
)
"""What templates take from around them: cells of the wrapper, so that its globals are the function's own."""


class Shape(NamedTuple):
    """A wrapper's template and parameters: how many of each kind, and which (by position) ``enter`` is not shown."""

    template: str
    positional_only: int
    positional: int
    keyword_only: int
    var_positional: bool
    var_keyword: bool
    hidden: frozenset[int] = frozenset()


def parameters_of(code: CodeType) -> tuple[str, ...]:
    """The names of a function's parameters, as they are in its code."""
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    return code.co_varnames[:count]


def shape_of(template: str, code: CodeType, hidden: frozenset[int]) -> Shape:
    """The shape of a wrapper around a function with this code."""
    return Shape(
        template,
        code.co_posonlyargcount,
        code.co_argcount - code.co_posonlyargcount,
        code.co_kwonlyargcount,
        bool(code.co_flags & inspect.CO_VARARGS),
        bool(code.co_flags & inspect.CO_VARKEYWORDS),
        hidden,
    )


def build(shape: Shape, parameters: tuple[str, ...], name: str) -> CodeType:
    """The wrapper's code, with these names for its parameters and this one for itself.

    ``warnings`` and ``logging`` pass over it when they look for a caller (:data:`UNSEEN`).
    """
    code = _compiled(shape)
    qualified: dict[str, Any] = {"co_qualname": name} if hasattr(code, "co_qualname") else {}  # from Python 3.11
    given = {f"p{index}": parameter for index, parameter in enumerate(parameters)}
    count = len(parameters)
    return code.replace(
        co_name=name,
        co_varnames=(*parameters, *(f"<{local}>" for local in code.co_varnames[count:])),
        co_freevars=tuple(f"<{free}>" for free in code.co_freevars),
        co_consts=tuple(_named(constant, given) for constant in code.co_consts),
        co_filename=UNSEEN,
        **qualified,
    )


def assemble(
    shape: Shape, parameters: tuple[str, ...], name: str, given: Mapping[str, object], namespace: dict[str, Any]
) -> FunctionType:
    """The wrapper: its code with what it takes from around it (``given``, by the names in :data:`FREE`)."""
    cells = tuple(CellType(given[free]) for free in _compiled(shape).co_freevars)
    return FunctionType(build(shape, parameters, name), namespace, name, None, cells)


def _named(constant: object, given: dict[str, str]) -> object:
    if type(constant) is str:
        return given.get(constant, constant)
    if type(constant) is tuple:
        return tuple(_named(part, given) for part in constant)
    return constant


@lru_cache(maxsize=256)
def _compiled(shape: Shape) -> CodeType:
    names = iter(range(1_000_000))
    first = [f"p{next(names)}" for _ in range(shape.positional_only)]
    middle = [f"p{next(names)}" for _ in range(shape.positional)]
    keyword = [f"p{next(names)}" for _ in range(shape.keyword_only)]
    rest = f"p{next(names)}" if shape.var_positional else None
    more = f"p{next(names)}" if shape.var_keyword else None
    declared = [*first, *(["/"] if first else []), *middle]
    declared += [f"*{rest}"] if rest else ["*"] if keyword else []
    declared += keyword + ([f"**{more}"] if more else [])
    forward = [*first, *middle, *([f"*{rest}"] if rest else []), *(f"{name}={name}" for name in keyword)]
    forward += [f"**{more}"] if more else []
    shown = [name for name in (*first, *middle, *([rest] if rest else []), *keyword) if name is not None]
    named = [f"**{more}"] if more and int(more[1:]) not in shape.hidden else []
    named += [f"{name!r}: {name}" for name in shown if int(name[1:]) not in shape.hidden]
    body = shape.template.format(named="{" + ", ".join(named) + "}", forward=", ".join(forward))
    kind = "async def" if shape.template in (COROUTINE, ASYNC_GENERATOR) else "def"
    lines = "\n        ".join(body.strip().split("\n"))
    source = f"def make({', '.join(FREE)}):\n    {kind} wrapper({', '.join(declared)}):\n        {lines}\n"
    make = next(part for part in compile(source, "<wrapper>", "exec").co_consts if isinstance(part, CodeType))
    return next(part for part in make.co_consts if isinstance(part, CodeType))

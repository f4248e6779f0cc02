"""What was there before the decorator is there after it: names, parameters, attributes, types, ways to bind."""

from __future__ import annotations

import abc
import copy
import dataclasses
import doctest
import functools
import inspect
import json
import pickle
import sys
import types
import typing
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import atlas_otel as atlas
from atlas_otel import semconv
from atlas_otel.testing import Recording, recording
from atlas_otel.tracing import templates


def arguments(recorded: Recording) -> list[str]:
    return [str(span.attributes[semconv.GEN_AI_TOOL_CALL_ARGUMENTS]) for span in recorded.spans]


# --- names -----------------------------------------------------------------------------------------------------------


def named(*parameters: str, name: str = "made") -> Any:
    """A function with such parameters, as those that are made from schemas have."""

    def function(a: Any, b: Any = 2) -> Any:
        return (a, b)

    code = function.__code__.replace(co_varnames=parameters, co_name=name)
    made = types.FunctionType(code, globals(), name, (2,))
    made.__qualname__ = name
    return made


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("observer", "result"),
        ("class", "per-page"),
        ("<observer>", "<enter>"),
        ("ﬁeld", "µ"),
        ("__atlas_enter", "p0"),
        ("", "a b"),
    ],
)
def test_parameters_may_be_called_anything(first: str, second: str) -> None:
    bare = named(first, second, name="get-weather")
    with recording() as recorded:
        observed = atlas.tool(bare)
        assert observed.__name__ == "get-weather"
        assert observed(1) == bare(1) == (1, 2)
        assert observed(**{first: 1, second: 3}) == (1, 3)
        with pytest.raises(TypeError) as refused:
            observed(**{second: 3})
        with pytest.raises(TypeError) as refused_bare:
            bare(**{second: 3})
        assert str(refused.value) == str(refused_bare.value)
    assert [json.loads(one) for one in arguments(recorded)] == [
        {first: 1, second: 2},
        {first: 1, second: 3},
    ]


@pytest.mark.parametrize("name", ["class", "", "a\0b", "no identifier", "ﬁ"])
def test_functions_may_be_called_anything(name: str) -> None:
    def function(**kwargs: Any) -> Any:
        return kwargs

    function.__name__ = name
    with recording() as recorded:
        assert atlas.tool(function)(city="Paris") == {"city": "Paris"}
        assert atlas.tool(function).__name__ == name
    assert recorded.spans[0].name == f"execute_tool {name}".replace("\0", "\ufffd")


@pytest.mark.parametrize(
    "name", sorted({*templates.FREE, "observer", "error", "body", "step", "value", "item", "left"})
)
@pytest.mark.parametrize("configured", [True, False])
async def test_no_parameter_meets_a_name_of_ours(name: str, configured: bool) -> None:
    made: dict[str, Any] = {}
    source = (
        "def f({0}): return {0}\nasync def c(*, {0}): return {0}\ndef g({0}):\n yield {0}\n"
        "async def a({0}):\n yield {0}\nclass C:\n def m(self, {0}): return {0}"
    )
    exec(source.format(name), made)
    made["C"].m = atlas.tool(made["C"].m)

    async def check() -> None:
        assert atlas.tool(made["f"])("mine") == "mine"
        assert await atlas.tool(made["c"])(**{name: "mine"}) == "mine"
        assert list(atlas.tool(made["g"])("mine")) == ["mine"]
        assert [item async for item in atlas.tool(made["a"])("mine")] == ["mine"]
        assert made["C"]().m("mine") == "mine"

    if not configured:
        with atlas.suppress_tracing():
            await check()
        return
    with recording() as recorded:
        await check()
    assert arguments(recorded) == [f'{{"{name}":"mine"}}'] * 5


# --- signatures ------------------------------------------------------------------------------------------------------


def test_a_signature_is_shown_and_never_bound_by() -> None:
    def tool(**kwargs: Any) -> Any:
        return kwargs

    city = inspect.Parameter("city", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    units = inspect.Parameter("units", inspect.Parameter.POSITIONAL_OR_KEYWORD, default="metric")
    tool.__signature__ = inspect.Signature([city, units])  # type: ignore[attr-defined]
    with recording() as recorded:
        observed = atlas.tool(tool)
        assert inspect.signature(observed) == inspect.signature(tool)
        assert observed(city="Paris") == {"city": "Paris"}
        assert observed(other=1) == {"other": 1}
        with pytest.raises(TypeError, match="takes 0 positional arguments but 1 was given"):
            observed("Paris")
    assert arguments(recorded) == ['{"city":"Paris"}', '{"other":1}']


def test_defaults_are_the_functions_own() -> None:
    def function(a: int, b: int = 1, *, c: int = 2) -> tuple[int, int, int]:
        return (a, b, c)

    observed = atlas.observe(function)
    observed.__defaults__ = (7,)
    assert observed(0) == (0, 7, 2)
    assert function(0) == (0, 1, 2)


def test_globals_are_the_functions_own() -> None:
    """Frameworks read annotations in them, and ``doctest`` asks by them whose a function is."""
    observed = atlas.tool(documented)
    assert observed.__globals__ is documented.__globals__
    assert typing.get_type_hints(observed) == {"path": Callable, "return": str}
    assert doctest.DocTestFinder()._from_module(sys.modules[__name__], observed)  # type: ignore[attr-defined]


def documented(path: Callable) -> str:  # type: ignore[type-arg]
    """
    >>> documented("a")
    'a'
    """
    return str(path)


@atlas.tool
def warns() -> None:
    warnings.warn("mind the caller", DeprecationWarning, stacklevel=2)


@atlas.tool
async def warns_later() -> None:
    warnings.warn("mind the caller", DeprecationWarning, stacklevel=2)


async def test_a_warning_names_the_caller() -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        warns()
        await warns_later()
    assert {one.filename for one in warned} == {__file__}


# --- objects ---------------------------------------------------------------------------------------------------------


@atlas.tool
@functools.lru_cache(maxsize=8)
def cached(x: int) -> int:
    return x


class Holder:
    """Everything that binds."""

    size = atlas.tool(len)  # a builtin does not
    preset = atlas.tool(functools.partialmethod(lambda self, a, b: (a, b), 1))

    @atlas.tool
    @functools.lru_cache  # noqa: B019
    def cached(self, x: int) -> int:
        return x

    @atlas.tool
    @property
    def prop(self) -> int:
        return 5

    @atlas.tool
    @functools.cached_property
    def once(self) -> int:
        return 6

    @atlas.tool
    @functools.singledispatchmethod
    def dispatched(self, x: Any) -> str:
        return "any"

    @dispatched.register
    def _(self, x: int) -> str:
        return "int"


def test_caches_keep_their_functions() -> None:
    with recording() as recorded:
        assert [cached(1), cached(1), cached(x=1)] == [1, 1, 1]
        assert cached.cache_info().hits == 1
        cached.cache_clear()
        assert cached.cache_info().currsize == 0
        holder = Holder()
        assert holder.cached(1) == 1
        holder.cached.cache_clear()
        assert pickle.loads(pickle.dumps(cached)) is cached
        assert copy.copy(cached) is cached
    assert arguments(recorded) == ['{"x":1}'] * 4


def test_whatever_binds_binds() -> None:
    with recording() as recorded:
        holder = Holder()
        assert holder.size([1, 2]) == 2
        assert holder.preset(2) == (1, 2)
        assert (holder.prop, holder.once, holder.once) == (5, 6, 6)
        assert (holder.dispatched("x"), holder.dispatched(3)) == ("any", "int")
    assert arguments(recorded) == ['{"obj":[1,2]}', '{"a":1,"b":2}', "{}", "{}", '{"x":"x"}', '{"x":3}']


def test_partials_stay_partials() -> None:
    def search(query: str, limit: int, *, lang: str = "en") -> tuple[str, int, str]:
        return (query, limit, lang)

    partial = functools.partial(search, "q", lang="de")
    with recording() as recorded:
        observed = atlas.tool(partial)
        assert type(observed) is functools.partial
        assert (observed.args, observed.keywords) == (("q",), {"lang": "de"})
        assert inspect.signature(observed) == inspect.signature(partial)
        assert observed(3) == ("q", 3, "de")
        assert functools.partial(observed, 4)() == ("q", 4, "de")
        assert atlas.tool(functools.partial(dict, a=1))(b=2) == {"a": 1, "b": 2}
    assert [span.name for span in recorded.spans] == ["execute_tool search"] * 2 + ["execute_tool dict"]
    assert arguments(recorded)[0] == '{"query":"q","limit":3,"lang":"de"}'


def test_builtins_and_objects_keep_what_they_are() -> None:
    class Tool:
        """What it does."""

        name = "mine"

        def __call__(self, x: int) -> int:
            return x + 1

        def __len__(self) -> int:
            return 3

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Tool)

        __hash__ = None  # type: ignore[assignment]

    bare = Tool()
    with recording() as recorded:
        tool: Any = atlas.tool(bare)
        assert isinstance(tool, Tool)
        assert (tool.name, len(tool), tool.__doc__) == ("mine", 3, "What it does.")
        assert tool == bare == tool
        with pytest.raises(TypeError, match="unhashable"):
            hash(tool)
        assert inspect.signature(tool) == inspect.signature(bare)
        tool.name = "other"
        assert bare.name == "other"
        assert tool(1) == tool.__call__(1) == 2
        assert inspect.isbuiltin(atlas.tool(len))
        appended: list[int] = []
        method = atlas.tool(appended.append)
        method(1)
        assert appended == [1]
        bound = atlas.tool(bare.__call__)
        assert bound.__self__ is bare
        assert bound(1) == 2
        assert atlas.tool(atlas.tool(bare))(1) == 2
    assert [span.name for span in recorded.spans].count("execute_tool Tool") == 4


def test_methods_of_dataclasses_and_abstract_ones() -> None:
    @dataclasses.dataclass(slots=True)
    class Row:
        x: int

        @atlas.tool
        def plus(self, y: int) -> int:
            return self.x + y

        @atlas.tool
        @abc.abstractmethod
        def missing(self) -> None: ...

    with recording():
        assert Row(1).plus(2) == 3
        Row.minus = atlas.tool(lambda self, y: self.x - y)  # type: ignore[attr-defined]
        assert Row(1).minus(2) == -1  # type: ignore[attr-defined]
    assert Row.missing.__isabstractmethod__  # type: ignore[attr-defined]

"""Which form values have: models and messages of libraries, the user's own, and how much of anything is read."""

from __future__ import annotations

import array
import collections
import dataclasses
import ipaddress
import re
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

import numpy as np
import orjson
import pydantic
import pydantic.v1
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import Struct
from google.protobuf.wrappers_pb2 import Int32Value
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

import atlas_otel as atlas
from atlas_otel.capture import forms
from atlas_otel.capture.capture import Capture, Limits
from atlas_otel.errors import UsageError
from atlas_otel.testing import recording


def captured(value: object, capture: Capture | None = None) -> Any:
    kept = (capture or Capture()).value(value, "test")
    assert kept is not None
    return orjson.loads(kept.json)


class Plain(pydantic.BaseModel):
    size: int
    secret: str = pydantic.Field("s", repr=False)
    left_out: str = pydantic.Field("x", exclude=True)
    _private: int = 1


class Open(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    a: int


class Computed(pydantic.BaseModel):
    side: int

    @pydantic.computed_field
    def area(self) -> int:
        return self.side**2


class Marked(pydantic.BaseModel):
    codes: list[Annotated[int, pydantic.PlainSerializer(lambda code: f"#{code}")]]
    other: Plain


class Whole(pydantic.BaseModel):
    a: int

    @pydantic.model_serializer
    def whole(self) -> dict[str, int]:
        return {"twice": 2 * self.a}


class Old(pydantic.v1.BaseModel):
    a: int
    inner: list[Old] = []
    hidden: str = pydantic.v1.Field("s", repr=False)


Old.update_forward_refs()


class OldRoot(pydantic.v1.BaseModel):
    __root__: list[int]


def struct(**fields: object) -> Struct:
    made = Struct()
    made.update(fields)
    return made


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Plain(size=1), {"size": 1}),
        ([Plain(size=1), {"in": Plain(size=2)}], [{"size": 1}, {"in": {"size": 2}}]),
        (Open(a=1, b=[Plain(size=2)]), {"a": 1, "b": [{"size": 2}]}),
        (Computed(side=3), {"side": 3, "area": 9}),
        (Marked(codes=[1], other=Plain(size=1)), {"codes": ["#1"], "other": {"size": 1}}),
        (Whole(a=2), {"twice": 4}),
        (Plain.model_construct(), {}),
        (pydantic.RootModel[list[Plain]]([Plain(size=1)]), [{"size": 1}]),
        (Old(a=1, inner=[Old(a=2)]), {"a": 1, "inner": [{"a": 2, "inner": []}]}),
        (OldRoot(__root__=[1]), [1]),
        (pydantic.TypeAdapter(pydantic.AnyUrl).validate_python("https://a.example/x"), "https://a.example/x"),
        (struct(a=[1, {"b": None}], c="d"), {"a": [1.0, {"b": None}], "c": "d"}),
        (Duration(seconds=3), "3s"),
        (Int32Value(value=7), 7),
        (
            Span(name="n", kind=Span.SPAN_KIND_CLIENT, attributes=[KeyValue(key="k", value=AnyValue(int_value=5))]),
            {"name": "n", "kind": "SPAN_KIND_CLIENT", "attributes": [{"key": "k", "value": {"int_value": 5}}]},
        ),
        (ArrayValue(values=[AnyValue(bool_value=True)]).values, [{"bool_value": True}]),
        (np.datetime64("2024-01-02T03:04:05.678901234"), "2024-01-02T03:04:05.678901234"),
        (np.array(["2024-01-02"], dtype="datetime64[ns]"), ["2024-01-02T00:00:00.000000000"]),
        (np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")]), {"columns": ["a", "b"], "rows": [[1, 2.5]]}),
        (np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")])[0], {"a": 1, "b": 2.5}),
        (np.ma.array([1, 2], mask=[0, 1]), [1, None]),
        (array.array("d", [1.5]), [1.5]),
        (ipaddress.ip_address("127.0.0.1"), "127.0.0.1"),
        (re.compile("a+"), "a+"),
        (collections.UserString("text"), "text"),
        (collections.Counter("aab"), {"a": 2, "b": 1}),
        (range(3, 0, -1), [3, 2, 1]),
        (range(10**30), {"start": 0, "stop": str(10**30), "step": 1}),
    ],
)
def test_each_kind_of_value_has_its_form(value: object, expected: object) -> None:
    losses: list[str] = []
    assert captured(value, Capture(on_loss=losses.append)) == expected
    assert losses == []


def test_of_a_model_that_cannot_be_read_the_rest_is() -> None:
    class Broken(pydantic.BaseModel):
        a: int

        @pydantic.computed_field
        def b(self) -> int:
            raise RuntimeError

    losses: list[str] = []
    assert captured([Broken(a=1), 2], Capture(on_loss=losses.append)) == [{"a": 1}, 2]
    assert losses == ["capture_failed"]


class Stranger:
    """Whose every attribute is code of its own."""

    loaded: ClassVar[list[str]] = []

    def __getattribute__(self, name: str) -> object:
        Stranger.loaded.append(name)
        raise RuntimeError(name)


def test_nothing_of_a_stranger_is_run() -> None:
    stranger = Stranger()
    kept = captured({"a": stranger, "b": [stranger], "c": dataclasses.make_dataclass("D", ["x"])(stranger)})
    assert kept["a"] == f"<{__name__}.Stranger>"
    assert kept["b"] == [kept["a"]]
    assert kept["c"] == {"x": kept["a"]}
    assert Stranger.loaded == []


# --- the user's own forms ----------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _forms_of_one_test() -> Iterator[None]:
    before = dict(forms._registered)
    yield
    forms._registered.clear()
    forms._registered.update(before)
    forms.form_of.cache_clear()


class Basket:
    def __init__(self, *items: object) -> None:
        self.items = list(items)


class FullBasket(Basket):
    pass


@pytest.mark.parametrize("named", [Basket, f"{__name__}.Basket"])
def test_a_registered_form_stands_for_values_of_a_type_and_its_subclasses(named: type[Basket] | str) -> None:
    assert captured(Basket(1)) == f"<{__name__}.Basket>"
    atlas.register_form(named, lambda basket: {"items": basket.items})
    assert captured([Basket(1, Plain(size=2))]) == [{"items": [1, {"size": 2}]}]
    assert captured({"b": FullBasket(Basket(3))}) == {"b": {"items": [{"items": [3]}]}}
    atlas.register_form(FullBasket, lambda basket: "full")
    assert captured([FullBasket(1), Basket(1)]) == ["full", {"items": [1]}]


def test_it_goes_before_the_form_of_ours() -> None:
    atlas.register_form(Plain, lambda model: model.size)
    assert captured([Plain(size=5)]) == [5]


def test_one_that_raises_costs_the_value_only() -> None:
    losses: list[str] = []
    atlas.register_form(Basket, lambda basket: basket.nothing)
    assert captured([Basket(), 1], Capture(on_loss=losses.append)) == [f"<{__name__}.Basket>", 1]
    assert losses == ["capture_failed"]


def test_one_that_gives_the_value_again_ends() -> None:
    atlas.register_form(Basket, lambda basket: basket)
    assert captured(Basket()) == f"<circular {__name__}.Basket>"
    atlas.register_form(Basket, lambda basket: Basket())
    assert "nested deeper" in captured(Basket())


@pytest.mark.parametrize("wrong", [(str, len), (dict, len), (5, len), ("", len), (Basket, None)])
def test_what_cannot_be_registered_is_said(wrong: Any) -> None:
    with pytest.raises(UsageError, match="register_form"):
        atlas.register_form(*wrong)


def test_a_span_says_which_types_were_only_described() -> None:
    @atlas.tool
    def look(basket: object) -> object:
        return [basket, Stranger()]

    with recording() as recorded:
        look(Basket())
    name = f"{__name__}.Basket"
    assert recorded.span("look").attributes["atlas.described"] == [name, f"{__name__}.Stranger"]
    atlas.register_form(Basket, lambda basket: {"items": basket.items})
    with recording() as recorded:
        atlas.observe(name="f")(lambda: Basket(1))()
    assert "atlas.described" not in recorded.span("f").attributes


# --- how much is read --------------------------------------------------------------------------------------------


class Counted(pydantic.BaseModel):
    text: str
    numbers: list[int] = [1, 2, 3]


def test_what_would_be_cut_is_not_read() -> None:
    many = [Counted(text="x" * 50) for _ in range(20_000)]
    read: list[object] = []
    atlas.register_form(Counted, lambda model: read.append(model) or {"text": model.text})
    kept = Capture(Limits(max_value_bytes=20_000)).value(many, "test")
    assert kept is not None
    assert len(read) < 1_000
    *first, marker = orjson.loads(kept.json)
    assert first == [{"text": "x" * 50}] * len(first)
    assert marker["atlas.truncated"]["items"] == 20_000 - len(first)
    assert kept.truncated >= 19_000


def test_a_giant_does_not_hide_its_neighbours() -> None:
    value = {"rows": [Counted(text="x" * 100) for _ in range(5_000)], "status": "ok", "last": [Counted(text="y")]}
    kept = captured(value, Capture(Limits(max_value_bytes=50_000)))
    assert kept["status"] == "ok"
    assert kept["last"] == [{"text": "y", "numbers": [1, 2, 3]}]


@pytest.mark.parametrize("redactor", [None, lambda text, where: text])
def test_long_texts_do_not_hide_what_stands_behind_them(redactor: Any) -> None:
    long = {"a": ["é" * 3_000_000, Basket()], "b": "ok"}
    kept = Capture(Limits(max_string_bytes=1000, max_value_bytes=10_000), redactor=redactor).value(long, "test")
    assert kept is not None
    tree = orjson.loads(kept.json)
    assert tree["b"] == "ok"
    assert "[6000000 bytes, cut by atlas-otel]" in tree["a"][0]
    assert tree["a"][1] == f"<{__name__}.Basket>"


def test_a_redactor_sees_a_text_before_it_is_cut() -> None:
    secret = "x" * 990 + "my-secret-key" + "y" * 5000
    capture = Capture(Limits(max_string_bytes=1000), redactor=lambda text, where: text.replace("my-secret-key", "***"))
    assert "my-sec" not in orjson.dumps(captured([Basket(), secret], capture)).decode()

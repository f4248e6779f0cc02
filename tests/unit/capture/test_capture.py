"""What becomes of each kind of value."""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import datetime as dt
import decimal
import enum
import gc
import os
import pathlib
import subprocess
import sys
import threading
import types
import uuid
from collections import Counter

import numpy as np
import orjson
import pydantic
import pytest

from atlas_otel import settings
from atlas_otel.capture.capture import Capture, Limits
from atlas_otel.capture.normalise import MAX_DEPTH
from atlas_otel.capture.value_forms import type_name

SECRET = "s3cret-of-the-client"


def captured(value: object, **options: object) -> object:
    losses = Counter[str]()
    capture = Capture(on_loss=lambda cause: losses.update([cause]), **options)  # type: ignore[arg-type]
    kept = capture.value(value, "test")
    assert kept is not None
    assert not losses
    return orjson.loads(kept.json)


class Client:
    def __init__(self) -> None:
        self._key = SECRET
        self.api_key = SECRET

    def __repr__(self) -> str:
        return f"Client({SECRET})"


@dataclasses.dataclass
class Options:
    size: int
    inner: object = None
    _private: str = SECRET
    token: str = dataclasses.field(default=SECRET, repr=False)


@dataclasses.dataclass(slots=True)
class Slotted:
    size: int


class Model(pydantic.BaseModel):
    size: int
    key: pydantic.SecretStr = pydantic.SecretStr(SECRET)
    hidden: str = pydantic.Field(SECRET, repr=False)
    inner: list[Model] = []
    options: Options | None = None
    _private: str = SECRET


class Masked(pydantic.BaseModel):
    card: str

    @pydantic.field_serializer("card")
    def mask(self, card: str) -> str:
        return "*" * len(card)


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


Point = collections.namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (1.5, 1.5),
        ("é\n", "é\n"),
        (float("nan"), "NaN"),
        ([float("inf"), -float("inf"), None], ["Infinity", "-Infinity", None]),
        ([1e308] * 20, [1e308] * 20),
        (2**63, 2**63),
        (2**64, str(2**64)),
        (-(2**63) - 1, str(-(2**63) - 1)),
        ("a\0b\ud800c", "a\ufffdb\ufffdc"),
        ({"a\0": 1, "\udfff": 2}, {"a\ufffd": 1, "\ufffd": 2}),
        ("the text \\u0000", "the text \\u0000"),
        ([{"n": 1, "a\0": "b"}] * 40, [{"n": 1, "a\ufffd": "b"}] * 40),
        (["a\\"] * 40 + ["\0"], ["a\\"] * 40 + ["\ufffd"]),
        ({1: "a", "1": "b", None: 0, (1, 2): 1}, {"1": "a", "1#2": "b", "null": 0, "[1,2]": 1}),
        ((1, (2,)), [1, [2]]),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset({"b", "a"}), ["a", "b"]),
        (Point(1, 2), {"x": 1, "y": 2}),
        (collections.deque([1]), [1]),
        ({"a": 1}.keys(), ["a"]),
        ({"a": 1}.items(), [["a", 1]]),
        (types.MappingProxyType({"a": 1}), {"a": 1}),
        (collections.OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (types.SimpleNamespace(a=1, _b=SECRET), {"a": 1}),
        (b"text", {"type": "bytes", "size": 4, "text": "text"}),
        (bytearray(b"\xff\0"), {"type": "bytes", "size": 2, "base64": "/wA="}),
        (b"\xff" * 5000, {"type": "bytes", "size": 5000}),
        (dt.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=dt.timezone.utc), "2026-01-02T03:04:05.000006+00:00"),
        (dt.date(2026, 1, 2), "2026-01-02"),
        (dt.timedelta(seconds=90), "0:01:30"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (decimal.Decimal("1.10"), "1.10"),
        (pathlib.PurePosixPath("/a/b"), "/a/b"),
        (Colour.RED, "red"),
        ({Colour.RED: Level.HIGH}, {"red": 3}),
        (range(3), [0, 1, 2]),
        (range(0, 10**9, 5), {"start": 0, "stop": 10**9, "step": 5}),
        (ValueError("bad"), {"type": "ValueError", "message": "bad"}),
        (ValueError, "<class ValueError>"),
        (len, "<builtin_function_or_method>"),
        (Slotted(2), {"size": 2}),
        (Options(1, Options(2)), {"size": 1, "inner": {"size": 2, "inner": None}}),
        (np.float32(1.5), 1.5),
        (np.int64(7), 7),
        (np.bool_(True), True),
        (np.array([[1.0, np.nan]]), [[1.0, "NaN"]]),
        (np.array(5), 5),
        ({"scores": np.arange(3)}, {"scores": [0, 1, 2]}),
    ],
)
def test_each_kind_of_value_has_its_form(value: object, expected: object) -> None:
    assert captured(value) == expected


def test_an_integer_that_python_would_not_write_is_described() -> None:
    assert captured([10**5000]) == ["<int of 16610 bits>"]


def test_private_state_is_not_walked() -> None:
    held = [
        Client(),
        Options(1, Client()),
        Model(size=1, inner=[Model(size=2)], options=Options(3, Client())),
        os.environ,
    ]
    text = orjson.dumps(captured(held)).decode()
    assert SECRET not in text
    assert captured(held) == [
        f"<{__name__}.Client>",
        {"size": 1, "inner": f"<{__name__}.Client>"},
        {
            "size": 1,
            "key": "<pydantic.types.SecretStr>",
            "inner": [{"size": 2, "key": "<pydantic.types.SecretStr>", "inner": [], "options": None}],
            "options": {"size": 3, "inner": f"<{__name__}.Client>"},
        },
        "<os._Environ>",
    ]


def test_a_models_own_serializers_are_used() -> None:
    assert captured(Masked(card="4111")) == {"card": "****"}
    assert captured(pydantic.RootModel[list[int]]([1])) == [1]


def test_generators_and_iterators_are_not_consumed() -> None:
    def numbers():
        yield from (1, 2)

    async def later():
        yield 1

    async def answer() -> int:
        return 1

    generator, stream, coroutine, iterator = numbers(), later(), answer(), iter([1, 2])
    try:
        kept = captured([generator, stream, coroutine, iterator, map(str, [1])])
        assert kept == [
            "<generator numbers>",
            "<async_generator later>",
            "<coroutine answer>",
            "<list_iterator>",
            "<map>",
        ]
        assert list(generator) == [1, 2]
        assert list(iterator) == [1, 2]
        assert asyncio.run(coroutine) == 1
    finally:
        coroutine.close()


def test_a_models_generator_is_not_consumed() -> None:
    class Stream(pydantic.BaseModel):
        items: collections.abc.Iterable[int]

    consumed = []

    def numbers():
        consumed.append(1)
        yield 1

    kept = captured(Stream(items=numbers()))
    assert not consumed
    assert list(kept) == ["items"]  # type: ignore[call-overload]


def test_circular_values_are_marked_and_shared_ones_are_not() -> None:
    shared = {"a": 1}
    value: dict[str, object] = {"one": shared, "two": shared}
    value["me"] = [value]
    assert captured(value) == {"one": {"a": 1}, "two": {"a": 1}, "me": ["<circular dict>"]}


def test_deep_values_are_marked() -> None:
    value: list[object] = []
    for _ in range(MAX_DEPTH - 1):
        value = [value]
    assert captured(value) == value
    kept: object = captured([value])
    for _ in range(MAX_DEPTH):
        assert isinstance(kept, list)
        kept = kept[0]
    assert kept == f"<nested deeper than {MAX_DEPTH}>"


def test_a_value_met_near_the_end_of_the_stack_is_still_valid_json() -> None:
    value: object = {1: "x"}
    for _ in range(150):
        value = {1: value}
    results: list[str] = []
    capture = Capture()

    def descend() -> None:
        kept = capture.value(value, "test")
        assert kept is not None
        results.append(kept.json)
        descend()

    with pytest.raises(RecursionError):
        descend()
    for text in results:
        orjson.loads(text)


class Raises:
    def __getattribute__(self, name: str) -> object:
        raise RuntimeError(name)

    def __repr__(self) -> str:
        raise RuntimeError

    __str__ = __iter__ = __len__ = __bool__ = __hash__ = __eq__ = __repr__  # type: ignore[assignment]


class RaisesDict(dict):  # type: ignore[type-arg]
    def items(self) -> object:  # type: ignore[override]
        raise RuntimeError

    __iter__ = __len__ = __getitem__ = keys = values = copy = items  # type: ignore[assignment]


class RaisesList(list):  # type: ignore[type-arg]
    def __iter__(self) -> object:  # type: ignore[override]
        raise RuntimeError

    __len__ = __getitem__ = copy = __iter__  # type: ignore[assignment]


class RaisesStr(str):
    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = encode = __len__ = isascii = __str__  # type: ignore[assignment]


class RaisesMeta(type):
    def __getattribute__(cls, name: str) -> object:
        raise RuntimeError

    __hash__ = __eq__ = __getattribute__  # type: ignore[assignment]


class OfRaisesMeta(metaclass=RaisesMeta):
    pass


class RaisesError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


def test_broken_objects_never_raise() -> None:
    assert captured(Raises()) == f"<{__name__}.Raises>"
    assert captured(RaisesDict(a=1)) == {"a": 1}
    assert captured(RaisesList([1])) == [1]
    assert captured(RaisesStr("text")) == "text"
    assert captured({RaisesStr("key"): 1}) == {"key": 1}
    losses: list[str] = []
    capture = Capture(on_loss=losses.append)
    for value in (OfRaisesMeta(), RaisesError(), [RaisesError(), 1]):
        kept = capture.value(value, "test")
        assert kept is not None
        orjson.loads(kept.json)
    assert orjson.loads(kept.json)[1] == 1
    assert losses
    assert set(losses) == {"capture_failed"}
    assert capture.text(5, "test") == "<int>"  # type: ignore[arg-type]


def test_what_surrounds_a_broken_object_is_kept() -> None:
    kept = Capture().value({"before": 1, "broken": OfRaisesMeta(), "after": [2]}, "test")
    assert kept is not None
    assert orjson.loads(kept.json) == {"before": 1, "broken": f"<{__name__}.OfRaisesMeta>", "after": [2]}


def test_many_keys_that_are_described_alike_are_all_kept() -> None:
    class Key:
        pass

    kept = Capture().unbounded({Key(): number for number in range(20_000)}, "test")  # a minute, were it quadratic
    assert kept is not None
    assert sorted(orjson.loads(kept.json).values()) == list(range(20_000))


def test_type_name_survives_its_metaclass() -> None:
    assert type_name(OfRaisesMeta).endswith("OfRaisesMeta")


def test_content_off_captures_nothing() -> None:
    capture = Capture(content=False)
    assert capture.value({"a": 1}, "test") is None
    assert capture.unbounded({"a": 1}, "test") is None
    assert capture.text("a", "test") is None


def test_a_value_that_another_thread_changes_neither_raises_nor_kills_the_process() -> None:
    """orjson's borrowed references end the process where Python code runs while it encodes: run apart, to see that."""
    program = """
import threading, enum, dataclasses, orjson, sys
from atlas_otel.capture.capture import Capture
sys.setswitchinterval(1e-6)
@dataclasses.dataclass
class Item:
    name: str
class Kind(enum.Enum):
    A = "a"
def fill(n):
    return {str(i): [["x" * 20], Item("y"), Kind.A, {"k": n}, {i, n}] for i in range(40)}
state, items, stop = fill(0), [[1]], threading.Event()
def churn():
    n = 0
    while not stop.is_set():
        n += 1
        state.clear(); state.update(fill(n)); items[:] = [["z" * 30] * (n % 7)] * (n % 50)
threads = [threading.Thread(target=churn) for _ in range(2)]
[thread.start() for thread in threads]
capture = Capture()
try:
    for _ in range(400):
        orjson.loads(capture.value({"state": state, "items": items}, "test").json)
        orjson.loads(capture.value(items, "test").json)
finally:
    stop.set()
    [thread.join() for thread in threads]
print("alive")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=False)
    assert done.stdout == "alive\n", done.stderr


def test_structures_that_share_their_parts_are_not_written_out_without_end() -> None:
    value: object = ["x"]
    for _ in range(60):
        value = [value, value]
    kept = Capture(Limits(max_value_bytes=20_000)).value(value, "test")
    assert kept is not None
    assert len(kept.json) <= 20_000
    assert kept.truncated
    row = [0] * 10_000
    grid = Capture(Limits(max_value_bytes=20_000)).value([row] * 10_000, "test")
    assert grid is not None
    assert len(grid.json) <= 20_000


def test_attributes_are_normalised_for_every_sink() -> None:
    kept = Capture().attributes(
        {"a": "x\0", "b": 2**63, "c": (1, 2.5), "d": float("nan"), "e": None, "f": {"k": b"\xff"}, "g": "ok"}, "span"
    )
    assert kept == {
        "a": "x\ufffd",
        "b": str(2**63),
        "c": [1, 2.5],
        "d": "NaN",
        "e": None,
        "f": {"k": {"type": "bytes", "size": 1, "base64": "/w=="}},
        "g": "ok",
    }


def test_a_large_array_is_described_rather_than_written() -> None:
    kept = Capture(Limits(max_value_bytes=1000)).value({"pixels": np.zeros((100, 100))}, "test")
    assert kept is not None
    tree = orjson.loads(kept.json)["pixels"]
    assert tree.pop("head") == [0.0] * 32
    assert tree == {"type": "numpy.ndarray", "dtype": "float64", "shape": [100, 100]}
    assert kept.truncated >= 10_000 - 32
    whole = Capture(Limits(max_value_bytes=1000)).unbounded(np.zeros(1000), "test")
    assert whole is not None
    assert len(orjson.loads(whole.json)) == 1000


def test_capture_loads_no_heavy_module() -> None:
    heavy = "{'pydantic', 'numpy', 'psycopg', 'asyncio', 'opentelemetry.sdk'}"
    program = f"import atlas_otel.capture.capture, sys; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "set()\n"


def test_captured_objects_are_let_go() -> None:
    capture = Capture()
    client = Options(1, Client())
    before = len(gc.get_referrers(client))
    capture.value([client], "test")
    assert len(gc.get_referrers(client)) == before


def test_one_capture_serves_many_threads() -> None:
    capture = Capture(redactor=lambda text, where: text.replace("x", "y"))
    wrong: list[object] = []

    def work(number: int) -> None:
        for _ in range(200):
            kept = capture.value({"a": ["x" * number]}, "test")
            if kept is None or orjson.loads(kept.json) != {"a": ["y" * number]}:
                wrong.append(kept)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize("value", [{"k" * 40: None}, {"a": [{"k" * 40: 1}]}])
def test_a_key_is_bounded_as_a_string_is(value: object) -> None:
    kept = Capture(Limits(max_string_bytes=30, max_value_bytes=1000)).value(value, "w")
    assert kept is not None
    assert "k" * 40 not in kept.json
    assert "cut by atlas-otel" in kept.json


def test_all_settings_that_concern_values_reach_it() -> None:
    environment = {
        "ATLAS_OTEL_MAX_STRING_BYTES": "100",
        "ATLAS_OTEL_MAX_VALUE_BYTES": "1000",
        "ATLAS_OTEL_REDACTOR_SECONDS": "60",
        "ATLAS_OTEL_REDACT": "email",
    }
    capture = Capture.from_settings(settings.resolve({}, environment))
    assert capture.limits == Limits(100, 1000, 60.0)
    assert capture.text("a@example.com", "x") == "[redacted:email]"
    assert Capture.from_settings(settings.resolve({}, {"ATLAS_OTEL_CAPTURE_CONTENT": "false"})).value("a", "x") is None

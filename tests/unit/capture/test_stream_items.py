"""Items of a stream are what they were when they were yielded, whatever becomes of the object."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

import atlas_otel as atlas
from atlas_otel.capture.stream_items import KEPT_ITEMS, LAST_BYTES, STREAM_BYTES, StreamItems
from atlas_otel.testing import recording

VALUES = st.recursive(
    st.none() | st.integers(-9, 9) | st.text("ab", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@dataclasses.dataclass
class State:
    n: int
    parts: list[Any]


@given(st.lists(VALUES, max_size=6), st.sampled_from(["dict", "list", "dataclass"]), st.booleans())
def test_they_are_as_they_were(values: list[Any], kind: str, for_reducer: bool) -> None:
    items = StreamItems(for_reducer=for_reducer and kind != "dataclass")
    held: Any = {"dict": {"n": -1, "parts": []}, "list": [[]], "dataclass": State(-1, [])}[kind]
    expected = []
    for number, value in enumerate(values):
        if kind == "dict":
            held["n"] = number
            held["parts"].append(value)
        elif kind == "list":
            held[0].append(value)
        else:
            held.n = number
            held.parts.append(value)
        items.add(held)
        expected.append(copy.deepcopy(dataclasses.asdict(held) if kind == "dataclass" else held))
    assert (items.all(), items.seen) == (expected, len(values))


def test_a_growing_object_has_a_bounded_cost() -> None:
    items = StreamItems()
    state: dict[str, Any] = {"n": 0, "messages": []}
    for number in range(3_000):
        state["n"] = number
        state["messages"].append({"role": "user", "content": "x" * 50})
        items.add(state)
    kept = items.all()
    *first, marker, last = kept
    assert [one["n"] for one in first] == list(range(len(first)))
    whole = [one for one in first if len(one["messages"]) == one["n"] + 1]
    cut = [one for one in first if one not in whole]
    assert all("atlas.truncated" in one["messages"][-1] for one in cut)
    assert len(cut) < 10 < len(whole)
    assert marker == {"atlas.truncated": {"items": 3_000 - len(first) - 1}}
    assert last["n"] == 2_999
    assert len(orjson.dumps(last)) < 2 * LAST_BYTES
    assert len(orjson.dumps(kept)) < 2 * STREAM_BYTES


def test_very_many_items_are_counted() -> None:
    items = StreamItems()
    for number in range(KEPT_ITEMS + 5):
        items.add(number)
    kept = items.all()
    assert kept[:KEPT_ITEMS] == list(range(KEPT_ITEMS))
    assert kept[KEPT_ITEMS:] == [{"atlas.truncated": {"items": 4}}, KEPT_ITEMS + 4]


def test_a_reducer_gets_the_objects_and_containers_as_they_were() -> None:
    got: list[Any] = []

    @atlas.observe(output_reducer=lambda items: got.extend(items) or len(items))
    def stream() -> Any:
        state: dict[str, Any] = {"n": 0, "chunk": State(0, [])}
        for number in range(3):
            state["n"] = number
            yield state

    with recording() as recorded:
        for _ in stream():
            pass
    assert recorded.span("stream").attributes["atlas.output"] == "3"
    assert [one["n"] for one in got] == [0, 1, 2]
    assert all(type(one["chunk"]) is State for one in got)


@pytest.mark.parametrize("stop_after", [None, 2])
def test_a_generator_that_yields_one_object_again_and_again(stop_after: int | None) -> None:
    @atlas.observe
    def stream() -> Any:
        state = State(0, [])
        for number in range(4):
            state.n = number
            state.parts.append(number)
            yield state

    seen = []
    with recording() as recorded:
        for state in stream():
            seen.append(dataclasses.asdict(copy.deepcopy(state)))
            if len(seen) == stop_after:
                break
    assert orjson.loads(str(recorded.span("stream").attributes["atlas.output"])) == seen


async def test_async_streams_too_and_what_is_only_described_says_so() -> None:
    class Thing:
        pass

    @atlas.tool
    async def stream() -> Any:
        state: dict[str, Any] = {"thing": Thing(), "n": 0}
        for number in range(2):
            state["n"] = number
            yield state

    with recording() as recorded:
        async for _ in stream():
            pass
    span = recorded.span("stream")
    kept = orjson.loads(str(span.attributes["gen_ai.tool.call.result"]))
    assert [one["n"] for one in kept] == [0, 1]
    assert [name.rpartition(".")[2] for name in span.attributes["atlas.described"]] == ["Thing"]  # type: ignore[union-attr]

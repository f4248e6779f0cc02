"""Objects of others: nothing of theirs runs to be recorded, and what cannot be read costs the value, never the span."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Any
from unittest.mock import AsyncMock, MagicMock

import pytest

import atlas_otel as atlas
from atlas_otel import semconv
from atlas_otel.testing import recording

loads: list[str] = []


class Lazy:
    """As ``request.user`` is: looked at, it queries a database, or raises."""

    def _load(self) -> Any:
        loads.append("loaded")
        raise RuntimeError("no database here")

    __class__ = property(_load)  # type: ignore[assignment]
    __str__ = __repr__ = _load

    def __getattr__(self, name: str) -> Any:
        return self._load()


class Closed(dict[str, Any]):
    def get(self, *given: Any) -> Any:
        raise RuntimeError("get")


class Meta(type):
    def __getattr__(cls, name: str) -> Any:
        loads.append(name)
        raise RuntimeError(name)


class Metaclassed(metaclass=Meta):
    pass


@atlas.session
def session(task: Any) -> Any:
    return tool(task)


@atlas.session(name="session")
async def async_session(task: Any) -> None:
    tool(task)


@atlas.tool
def tool(x: Any) -> Any:
    return x


@atlas.llm(model="m")
def complete(messages: Any) -> str:
    return "answer"


@atlas.llm(model="m")
def gives(messages: Any, answer: Any) -> Any:
    return answer


@pytest.mark.parametrize(
    "make", [Lazy, MagicMock, AsyncMock, Metaclassed, lambda: Closed(role="user")], ids=lambda make: make.__name__
)
def test_a_strangers_argument_costs_no_span(make: Any) -> None:
    value = make()
    loads.clear()
    with recording() as recorded:
        assert session(value) is value
        asyncio.run(async_session(value))
        assert complete(value) == complete([value]) == "answer"
        assert gives([{"role": "user", "content": "q"}], value) is value
    names = [span.name for span in recorded.spans]
    assert names == ["execute_tool tool", "invoke_agent session"] * 2 + ["chat m"] * 3
    assert not loads


def test_a_block_of_one_object_is_each_tasks_own() -> None:
    shared = atlas.tool("shared")

    async def work(number: int) -> None:
        with contextlib.suppress(ValueError), shared as block:
            block.input = number
            await asyncio.sleep(0.001 * (number + 1))
            if number == 0:
                raise ValueError("the first fails")
        with atlas.tool(f"after {number}"):
            pass

    @atlas.session
    async def run(question: str) -> None:
        await asyncio.gather(*(work(number) for number in range(3)))

    with recording() as recorded:
        asyncio.run(run("q"))
    root = recorded.span("invoke_agent run").span_id
    failed = {
        str(s.attributes[semconv.GEN_AI_TOOL_CALL_ARGUMENTS]): s.status == 2
        for s in recorded.spans
        if "shared" in s.name
    }
    assert failed == {"0": True, "1": False, "2": False}
    assert {s.parent_span_id for s in recorded.spans if "after" in s.name} == {root}


def test_a_block_of_one_object_is_each_threads_and_each_generators_own() -> None:
    shared = atlas.tool("shared")
    entered, left = threading.Barrier(2), threading.Barrier(2)

    def work(number: int) -> None:
        with shared as block:
            block.input = number
            entered.wait(10)
            block.output = number
        left.wait(10)

    def items(number: int) -> Any:
        with shared as block:
            block.input = number
            yield number
            block.output = number

    with recording() as recorded:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        first, second = items(3), items(4)
        assert (next(first), next(second)) == (3, 4)
        assert (list(first), list(second)) == ([], [])
        with contextlib.ExitStack() as stack:
            stack.enter_context(shared).output = stack.enter_context(shared).output = 5
    given = [
        (s.attributes.get(semconv.GEN_AI_TOOL_CALL_ARGUMENTS), s.attributes[semconv.GEN_AI_TOOL_CALL_RESULT])
        for s in recorded.spans
    ]
    assert sorted(given[:4]) == [(n, n) for n in ("0", "1", "3", "4")]
    assert given[4:] == [(None, "5"), (None, "5")]


class Index:
    """A whole number of somebody else's, as numpy's and torch's are."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __index__(self) -> int:
        return self.number


def test_whole_numbers_of_others() -> None:
    @atlas.session
    def run(question: str) -> None:
        with atlas.step("one", id=Index(1), attempt=Index(2)):
            pass
        atlas.record_reward(0.5, step=Index(1), attempt=Index(2))
        atlas.set_validation(True, step=Index(1))
        atlas.add_guidance("shorter", step=Index(1))
        atlas.set_metadata(step=Index(1), key="value")

    with recording() as recorded:
        run("q")
        rows = recorded.rows()
    assert [(step.step_id, (step.evaluation or {})["reward"]["score"]) for step in rows.steps] == [(1, 0.5)]
    for wrong in ({"id": True}, {"id": 1.0}, {"id": -1}, {"attempt": 0}, {"attempt": "1"}):
        with pytest.raises(TypeError, match="is a whole number from"):
            atlas.step("one", **wrong)  # type: ignore[call-overload]

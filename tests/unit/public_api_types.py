"""What a type checker must say of a user's code; ``test_types.py`` has mypy read it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from typing_extensions import assert_type

import atlas_otel as atlas
from atlas_otel.tracing.handles import Observation, Session, Step


@atlas.tool
def bare(query: str, limit: int = 3) -> list[str]:
    return [query] * limit


@atlas.tool(name="named", ignore_inputs=["limit"])
async def called(query: str) -> int:
    return len(query)


@atlas.llm(model="m", provider="p", output_reducer="".join)
async def streamed(messages: list[dict[str, str]]) -> AsyncIterator[str]:
    yield "a"


@atlas.step(description="Count")
def counted(n: int) -> Iterator[int]:
    yield n


class Agent:
    @atlas.session
    def answer(self, question: str) -> str:
        return question


async def main() -> None:
    assert_type(bare("q", limit=2), list[str])
    assert_type(await called("q"), int)
    assert_type(Agent().answer("q"), str)
    async for chunk in streamed([]):
        assert_type(chunk, str)
    for number in counted(1):
        assert_type(number, int)
    with atlas.session("t", name="n", tags=["a"], metadata={"k": 1}, new=True) as session:
        assert_type(session, Session)
    async with atlas.step("s", id=1) as step:
        assert_type(step, Step)
    with atlas.tool("t") as call, atlas.llm("l", model="m"), atlas.agent("a"), atlas.observe(name="o"):
        assert_type(call, Observation)
    bare(1)  # type: ignore[arg-type]
    atlas.tool(nmae="x")  # type: ignore[call-overload]

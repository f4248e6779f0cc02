"""Many sessions at once, in threads, tasks, executors and generators: no span in another session, no context left."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

from opentelemetry import context, trace
from opentelemetry.instrumentation.threading import ThreadingInstrumentor

import atlas_otel as atlas
from atlas_otel import semconv
from atlas_otel.records.json_text import dump
from atlas_otel.testing import recording

SESSIONS = 40


@atlas.tool
def work(owner: str) -> str:
    return owner


@atlas.tool
async def wait_for(owner: str) -> str:
    await asyncio.sleep(0)
    return owner


@atlas.llm(model="m")
def words(owner: str) -> Iterator[str]:
    for number in range(4):
        work(owner)
        yield str(number)


@atlas.llm(model="m")
async def words_later(owner: str) -> AsyncIterator[str]:
    for number in range(4):
        await wait_for(owner)
        yield str(number)


def _use_up(owner: str, chance: random.Random) -> None:
    """Generators run to the end, are broken off, closed, thrown into, and left behind."""
    how = chance.randrange(5)
    stream = words(owner)
    for _ in stream:
        if how == 1:
            break
        if how == 2:
            stream.close()  # type: ignore[attr-defined]
            break
        if how == 3:
            try:
                stream.throw(KeyError("x"))  # type: ignore[attr-defined]
            except KeyError:
                break
    work(owner)


async def _run(owner: str, pool: ThreadPoolExecutor) -> None:
    chance = random.Random(owner)
    with atlas.session(owner, name="s"):
        for _ in range(3):
            with atlas.step(f"of {owner}"):
                await asyncio.gather(*(wait_for(owner) for _ in range(3)))
                list(pool.map(work, [owner] * 3))
                _use_up(owner, chance)
                stream = words_later(owner)
                async for _word in stream:
                    if chance.random() < 0.3:
                        break
                if chance.random() < 0.5:
                    await stream.aclose()  # type: ignore[attr-defined]
                await asyncio.to_thread(work, owner)
                task = asyncio.create_task(wait_for(owner))
                if chance.random() < 0.3:
                    task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                work(owner)


def _thread(numbers: range, pool: ThreadPoolExecutor) -> None:
    async def all_of_them() -> None:
        await asyncio.gather(*(_run(f"owner {number}", pool) for number in numbers))

    asyncio.run(all_of_them())
    assert context.get_current() == {} or semconv.ATLAS_SESSION_ID not in str(context.get_current())
    assert atlas.current_session() is None
    assert not trace.get_current_span().get_span_context().is_valid


def test_nothing_of_one_session_is_seen_in_another() -> None:
    instrumentor = ThreadingInstrumentor()
    was_on = instrumentor.is_instrumented_by_opentelemetry
    if not was_on:
        instrumentor.instrument()
    try:
        with recording() as recorded, ThreadPoolExecutor(4) as pool:
            threads = [threading.Thread(target=_thread, args=(range(start, SESSIONS, 4), pool)) for start in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            # A worker of the pool keeps nothing of whoever used it last.
            assert set(pool.map(lambda _: atlas.current_session(), range(16))) == {None}
        owners = {
            span.session_key: span.attributes[semconv.ATLAS_TASK] for span in recorded.spans if span.kind == "session"
        }
        assert len(owners) == len(set(owners.values())) == SESSIONS
        parents = {span.span_id: span for span in recorded.spans}
        tools = [span for span in recorded.spans if span.kind == "tool"]
        assert len(tools) > SESSIONS * 20
        for span in tools:
            assert span.attributes[semconv.GEN_AI_TOOL_CALL_ARGUMENTS] == dump({"owner": owners[span.session_key]})
            parent = parents.get(span.parent_span_id or "")
            assert parent is None or parent.session_key == span.session_key
            assert parent is None or parent.kind in ("step", "llm")
        assert context.get_current() == {}
    finally:
        if not was_on:
            instrumentor.uninstrument()

"""Event loops that end before what runs in them, in one way after the other; each way is a session of its own.

    loops.py WAY        cancelled | stopped | finaliser | thread | exit | bare-stopped | …

With ``bare-`` in front, the same without any decorator: what Python itself says then is no doing of ours.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

from opentelemetry import context

import atlas_otel as atlas
from atlas_otel.tracing.context import current_frame

way = sys.argv[1].removeprefix("bare-")
bare = sys.argv[1].startswith("bare-")
kept: list[Any] = []


def marked(kind: Any) -> Callable[[Any], Any]:
    return (lambda function: function) if bare else kind  # type: ignore[no-any-return]


@marked(atlas.tool)
async def waits(number: int) -> None:
    await asyncio.sleep(60)


@marked(atlas.llm(model="m"))
async def streams(number: int) -> AsyncIterator[int]:
    for item in range(1000):
        yield item
        await asyncio.sleep(0)


@marked(atlas.tool)
async def stops_its_loop(loop: asyncio.AbstractEventLoop) -> None:
    try:
        await asyncio.sleep(60)
    finally:
        loop.stop()


@marked(atlas.session(name="loops"))
async def agent(task: str) -> None:
    await asyncio.gather(*(waits(number) for number in range(3)))


@marked(atlas.session(name="loops"))
async def reader(task: str) -> None:
    stream = streams(1)
    async for item in stream:
        if item == 2:
            break
    kept.append(stream)  # abandoned when the loop is gone
    await waits(0)


@marked(atlas.session(name="loops"))
async def stopping(task: str, loop: asyncio.AbstractEventLoop) -> None:
    await stops_its_loop(loop)


async def both(*_: Any) -> None:
    await asyncio.wait([asyncio.ensure_future(agent("a task")), asyncio.ensure_future(reader("reading"))])


async def leaves_both() -> None:
    """asyncio.run cancels what is left, and waits for it."""
    kept.extend([asyncio.ensure_future(agent("a task")), asyncio.ensure_future(reader("reading"))])
    await asyncio.sleep(0.2)


def run() -> None:
    if way == "cancelled":
        asyncio.run(leaves_both())
    elif way == "thread":
        thread = threading.Thread(target=asyncio.run, args=(leaves_both(),))
        thread.start()
        thread.join()
    else:  # a loop that is closed with everything in it still to do
        loop = asyncio.new_event_loop()
        task = loop.create_task(stopping("a task", loop) if way == "finaliser" else both())
        loop.call_later(0.2, task.cancel if way == "finaliser" else loop.stop)
        loop.run_forever()
        loop.close()
        del task
    if way != "exit":  # there the interpreter ends with all of it alive
        kept.clear()
        gc.collect()


telemetry = atlas.configure("loops", console=False)
before = context.get_current()
run()
assert context.get_current() == before, "no context is left behind"
assert current_frame().session is None
if way != "exit":
    assert telemetry.flush(20) or bare
    spans = telemetry.accounts.spans
    assert (spans.open, spans.lost) == (0, 0), spans
assert telemetry.accounts.balances

"""In which order the steps of a plan run, along ``depends_on``; side by side where that is asked for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from atlas_otel.errors import AdapterError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from atlas_otel.models.adapter import Plan, Step


def dependencies(plan: Plan) -> dict[int, set[int]]:
    """The steps that each step waits for. Raises AdapterError for one that the plan lacks, and for a circle."""
    known = {step.id for step in plan.steps}
    waits: dict[int, set[int]] = {}
    for step in plan.steps:
        waits[step.id] = set()
        for named in step.depends_on:
            number = _number(named)
            if number not in known:
                raise AdapterError(f"step {step.id} depends on {named!r}, which is not a step of the plan")
            waits[step.id].add(number)
    in_order(plan, waits)
    return waits


def in_order(plan: Plan, waits: dict[int, set[int]]) -> list[Step]:
    """The steps, each after those it waits for, else in the plan's order. Raises AdapterError for a circle."""
    done: set[int] = set()
    ordered: list[Step] = []
    left = list(plan.steps)
    while left:
        step = next((step for step in left if waits[step.id] <= done), None)
        if step is None:
            raise AdapterError(f"steps {', '.join(str(step.id) for step in left)} depend on each other")
        left.remove(step)
        ordered.append(step)
        done.add(step.id)
    return ordered


def last_step(plan: Plan) -> Step:
    """The step that runs last where nothing runs side by side."""
    return in_order(plan, dependencies(plan))[-1]


def _number(named: int | str) -> int | None:
    """``3``, ``"3"`` and ``"step_3"`` as 3."""
    if isinstance(named, int):
        return named
    text = named.strip().lower().removeprefix("step").strip("_ #")
    return int(text) if text.isascii() and text.isdigit() else None


async def run_in_order(plan: Plan, run_step: Callable[[Step], Awaitable[None]], *, side_by_side: int) -> None:
    """Run every step once those it waits for are done, at most ``side_by_side`` at a time.

    Where one raises, the others are cancelled and waited for, and the error is raised.
    """
    waits = dependencies(plan)
    if side_by_side == 1:
        for step in in_order(plan, waits):
            await run_step(step)
        return
    left, done = list(plan.steps), set[int]()
    running: dict[asyncio.Task[None], int] = {}
    try:
        while left or running:
            ready = [step for step in left if waits[step.id] <= done]
            for step in ready[: side_by_side - len(running)]:
                left.remove(step)
                running[asyncio.ensure_future(run_step(step))] = step.id
            ended, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
                done.add(running.pop(task))
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

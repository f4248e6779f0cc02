"""Several tasks with one config, a limited number of them at once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

from atlas_otel.errors import AtlasOtelError, UsageError
from atlas_otel.runtime.run import run_session

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from atlas_otel.models.json_types import JsonObject
    from atlas_otel.runtime.assembly import Assembly
    from atlas_otel.runtime.outcome import RunResult


@dataclass(frozen=True, slots=True)
class Task:
    """A task, and what stands in its session's metadata."""

    text: str
    metadata: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Done:
    """A task that ran: with a result, or with the reason why there is none."""

    task: Task
    result: RunResult | None
    error: str | None


def read_tasks(path: Path) -> list[Task]:
    """The tasks of a JSONL file: a JSON string, or an object with ``task`` and perhaps ``metadata``, on each line.

    Empty lines count for nothing. Raises UsageError that names the line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    return [_task(line, f"{path}:{number}") for number, line in enumerate(lines, start=1) if line.strip()]


def _task(line: str, where: str) -> Task:
    try:
        value = orjson.loads(line)
    except ValueError:
        raise UsageError(f"{where}: is not JSON") from None
    if isinstance(value, str):
        return Task(value)
    if isinstance(value, dict) and isinstance(value.get("task"), str):
        metadata = value.get("metadata") or {}
        if isinstance(metadata, dict):
            return Task(value["task"], metadata)
    raise UsageError(f'{where}: expected a string, or {{"task": "…", "metadata": {{…}}}}')


async def run_tasks(
    assembly: Assembly, tasks: Sequence[Task], *, at_once: int, ended: Callable[[Done], None] | None = None
) -> list[Done]:
    """Run ``tasks``, at most ``at_once`` at a time; the results in the tasks' order.

    One that fails does not stop the others. ``ended`` is told of each as it ends.
    """
    gate = asyncio.Semaphore(at_once)

    async def one(task: Task) -> Done:
        async with gate:
            try:
                done = Done(task, await run_session(assembly, task.text, task.metadata), None)
            except AtlasOtelError as error:
                done = Done(task, None, str(error))
        if ended is not None:
            ended(done)
        return done

    return list(await asyncio.gather(*(one(task) for task in tasks)))

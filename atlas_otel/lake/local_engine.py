"""Units made on the cores of this machine: a process each, and in each one session at a time."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import TYPE_CHECKING

from atlas_otel.errors import ExportError
from atlas_otel.lake.engine import make_unit
from atlas_otel_exporters.building.staged import write_unit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from atlas_otel.lake.engine import Task
    from atlas_otel_exporters.building.making import Job
    from atlas_otel_exporters.building.staged import Entry, Staged


def cores() -> int:
    """How many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1


class LocalEngine:
    """Makes units in ``workers`` processes of this machine."""

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def __call__(self, job: Job, tasks: Sequence[Task], staged: Staged, done: Callable[[], None]) -> None:
        """Make the units of ``tasks``, in their order.

        Raises ExportError where a worker process is killed; the units that were whole by then stay.
        """
        if self._workers == 1 or len(tasks) == 1:
            for task in tasks:
                staged.add(task.unit.number, _made(job, task, staged.folder))
                done()
            return
        # Not forked: a worker is to hold nothing of what this process has open.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(min(self._workers, len(tasks)), mp_context=context) as pool:
            try:
                self._run(pool, job, tasks, staged, done)
            except BrokenProcessPool:
                raise ExportError(
                    "a worker of the build was killed, for want of memory perhaps: run it again, it goes on from here; "
                    "--workers 1 needs the least"
                ) from None
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def _run(
        self, pool: ProcessPoolExecutor, job: Job, tasks: Sequence[Task], staged: Staged, done: Callable[[], None]
    ) -> None:
        waiting = iter(tasks)
        running: dict[Future[list[Entry]], Task] = {}
        while True:
            for task in islice(waiting, 2 * self._workers - len(running)):
                running[pool.submit(_made, job, task, staged.folder)] = task
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                staged.add(running.pop(future).unit.number, future.result())
                done()


def _made(job: Job, task: Task, folder: Path) -> list[Entry]:
    return write_unit(folder, task.unit.number, make_unit(job, task))

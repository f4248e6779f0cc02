"""Pieces of work in processes of their own, on as many cores as asked for, with their results in order."""

from __future__ import annotations

import multiprocessing
from collections import deque
from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from atlas_otel.errors import AtlasOtelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

_T = TypeVar("_T")
_R = TypeVar("_R")


def results_in_order(function: Callable[[_T], _R], pieces: Iterable[_T], jobs: int) -> Iterator[_R]:
    """What ``function`` makes of each piece, in their order; a few are ahead, so that memory stays flat.

    With one job it runs here. Else ``function``, the pieces and the results have to be picklable. Raises what
    ``function`` raises, and AtlasOtelError where a process is killed.
    """
    if jobs == 1:
        yield from map(function, pieces)
        return
    # Not forked: a child is to hold nothing of what this process has open.
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            left = iter(pieces)
            running: deque[Future[_R]] = deque(pool.submit(function, piece) for piece in islice(left, 2 * jobs))
            while running:
                result = running.popleft().result()
                running.extend(pool.submit(function, piece) for piece in islice(left, 1))
                yield result
        except BrokenProcessPool:
            raise AtlasOtelError(
                "a process of --jobs was killed, for want of memory perhaps: ask for fewer; a script of yours "
                'asks for several under if __name__ == "__main__"'
            ) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

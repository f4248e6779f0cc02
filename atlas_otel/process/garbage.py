"""The collector of cyclic garbage, in processes that are ours alone."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_THRESHOLDS: Final = (50_000, 10, 10)
"""Python's own is 700 new objects: a fold of a session makes as many for twenty spans, and hardly a cycle. Looking for
cycles among them took a seventh of a fold's time (measured)."""


@contextmanager
def collected_seldom() -> Iterator[None]:
    """Within the block, cycles are looked for seldom, and never among what is there already.

    For a process that is ours from its start to its end, never for an agent's.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()

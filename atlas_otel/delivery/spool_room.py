"""Room in a spool folder: what the segments of dead processes reserved and never held is given back."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

from atlas_otel.delivery.spool_owner import Owner, tokens
from atlas_otel.delivery.spool_segment import SegmentReader

if TYPE_CHECKING:
    from pathlib import Path

_RECORDS: Final = 10_000
_BYTES: Final = 8 * 1024 * 1024


def shrink_dead(folder: Path, most: int) -> int:
    """Cut the segments of up to ``most`` dead owners down to what they hold; how many bytes that freed.

    A process that ends in order does it itself. A damaged segment is left as it is: what it holds is not known.
    """
    freed = done = 0
    for token in tokens(folder):
        if done >= most:
            break
        owner = Owner.adopt(folder, token)
        if owner is None:
            continue
        try:
            before = freed
            for path in owner.segments():
                with contextlib.suppress(OSError):
                    freed += _shrink(path)
            done += freed > before
        finally:
            owner.close()
    return freed


def _shrink(path: Path) -> int:
    reader = SegmentReader(path)
    try:
        size = reader.size
        while True:
            frames = reader.read(size, _RECORDS, _BYTES)
            if frames.damaged or frames.torn:
                return 0
            if not frames.payloads:
                break
        held = reader.position
    finally:
        reader.close()
    if held < size:
        os.truncate(path, held)
    return size - held

"""Which runs are runs of one task. Pure."""

from __future__ import annotations

import re
import unicodedata
from hashlib import blake2b
from typing import Final

_SPACES: Final = re.compile(r"\s+")


def normalised_task(task: str) -> str:
    """A task without what does not make it another one: case, width, spaces, a last full stop.

    >>> normalised_task("  Sort the   list. ") == normalised_task("sort the list")
    True
    """
    text = _SPACES.sub(" ", unicodedata.normalize("NFKC", task).casefold()).strip()
    return text.rstrip(" .!?") or text


def task_group(learning_key: str | None, task: str) -> str | None:
    """The learning key, else a digest of the normalised task; None where there is neither."""
    if learning_key:
        return learning_key
    return task_digest(task) if task.strip() else None


def task_digest(task: str) -> str:
    """Sixteen hex digits that all spellings of one task share."""
    return blake2b(normalised_task(task).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()

"""Rows on their way into a dataset: kept in a file beside it, so that a build that was broken off goes on.

Each session is noted with its rows, and after each batch how far the file is good. A later build of the same selection
goes on from there if the sessions that were read have not changed since; else it begins anew.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Final, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_ROWS: Final = "rows.jsonl"
_STATE: Final = "state.json"


class Staged(NamedTuple):
    """One row, with what its split and its lineage are found from."""

    name: str
    """What its task is called among the task groups."""
    task: str
    task_group: str | None
    session_id: int
    session_key: str | None
    reward: float | None
    span_ids: list[str]
    line: str


class State(NamedTuple):
    """How far a build is: ``size`` bytes of rows are good, of the sessions up to ``last``."""

    build: str
    """A digest of what is built; another build does not go on from here."""
    seen: str
    """A digest of the sessions that were read, as they were."""
    last: int
    size: int
    sessions: int
    left_out: Mapping[str, int]


class Staging:
    """The file of rows in ``folder``, which is made where it is not there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / _ROWS

    def state(self) -> State | None:
        """Where the last build was broken off; None where there is nothing to go on from."""
        try:
            return State(*orjson.loads((self.folder / _STATE).read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def open(self, size: int) -> IO[bytes]:
        """The file, cut to its good bytes, ready for more."""
        stream = self._path.open("ab")
        stream.truncate(size)
        return stream

    def save(self, stream: IO[bytes], state: State) -> None:
        """Note that all that was written is good."""
        stream.flush()
        os.fsync(stream.fileno())
        part = self.folder / f"{_STATE}.part"
        part.write_bytes(orjson.dumps(list(state)))
        part.replace(self.folder / _STATE)

    def rows(self) -> Iterator[Staged]:
        """All rows, in order."""
        with self._path.open("rb") as lines:
            for line in lines:
                yield Staged(*orjson.loads(line))

    def remove(self) -> None:
        """Forget the rows; the folder is removed where nothing else is in it."""
        for name in (_ROWS, _STATE):
            with suppress(FileNotFoundError):
                (self.folder / name).unlink()

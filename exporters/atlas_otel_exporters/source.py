"""Where an export's sessions come from: a database (:mod:`.read`), or a lake (:mod:`.building`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from atlas_otel_exporters.selection import Selection
    from atlas_otel_exporters.stored import StoredSession

DEFAULT_BATCH_SIZE = 100
"""How many sessions are read at a time."""


class Considered(NamedTuple):
    """How many sessions the filters take, and how many they leave out, by reason."""

    taken: int
    skipped: Mapping[str, int]


class Stretch(NamedTuple):
    """Numbers of sessions that are read one after the other. ``joined``: they have one conversation's id."""

    numbers: Sequence[int]
    joined: bool


class SessionSource(Protocol):
    """Sessions in order of their numbers, by what is asked for. It does not change while it is read."""

    def consider(self, selection: Selection) -> Considered:
        """Count what the filters take; ``limit`` and ``offset`` are not among them."""

    def sessions(
        self, selection: Selection, *, batch_size: int = ..., event_limit: int | None = ...
    ) -> Generator[StoredSession, None, None]:
        """The sessions that are asked for, each with all that belongs to it; to be closed."""

    def sessions_alone(self, selection: Selection, *, batch_size: int = ...) -> Generator[StoredSession, None, None]:
        """The same sessions, of each only its own row; while one is in hand, other things can be asked."""

    def stretches(self, selection: Selection, *, batch_size: int = ...) -> Generator[Stretch, None, None]:
        """The numbers of the sessions that are asked for, those of one conversation together; to be closed."""

    def sessions_numbered(
        self, ids: Sequence[int], batch_size: int = ..., event_limit: int | None = ...
    ) -> Generator[StoredSession, None, None]:
        """The sessions with these numbers, which are in order; all of them have to be there. To be closed."""

    def picked(self, selection: Selection) -> dict[int, str]:
        """The numbers of the sessions that are asked for, in order, each with a text that changes when its rows do."""

    def without_events(self, ids: Sequence[int], batch_size: int = ...) -> Iterator[StoredSession]:
        """The sessions with these numbers, of each only its own row."""

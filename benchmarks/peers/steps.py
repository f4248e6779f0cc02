"""A subscriber to a stream of intermediate steps."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from benchmarks.task import holds_task


class _Step(Protocol):
    def model_dump_json(self) -> str:
        """The step as JSON."""


T = TypeVar("T", bound=_Step)


class Steps(Generic[T]):
    """Counts what it is told, and keeps the last."""

    def __init__(self) -> None:
        self.seen = 0
        self.last: T | None = None

    def take(self, step: T) -> None:
        """One more."""
        self.seen += 1
        self.last = step

    def whole(self) -> bool:
        """Whether the last one, an END, holds argument and result."""
        return self.last is not None and holds_task(self.last.model_dump_json())

"""Long loops of the projection go through a pace, so that who drives it may let others run in between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_T = TypeVar("_T")


class Pace(Protocol):
    """Gives items as they are; what it does between two of them is the driver's."""

    def __call__(self, items: Iterable[_T], /) -> Iterator[_T]:
        """The same items."""


def at_once(items: Iterable[_T], /) -> Iterator[_T]:
    """No pause between two items."""
    return iter(items)

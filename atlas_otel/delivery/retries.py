"""How often the store has not taken what it was given, and how long to wait before it is tried again."""

from __future__ import annotations

from typing import Final

from atlas_otel.errors import RetryableStoreError, StoreError, UnavailableStoreError

_FIRST_S: Final = 0.1
_MOST_S: Final = 5.0
_PERMANENT_S: Final = 30.0
"""The longest pause after a refusal that somebody has to lift (a missing schema, a missing right)."""


class Retries:
    """The failures in a row. For one thread; others may read."""

    def __init__(self) -> None:
        self.count = 0
        """0 where the store works."""
        self.reason: str | None = None
        """Of the last one."""

    def failed(self, error: StoreError) -> float:
        """One more; how many seconds to wait at most: longer each time."""
        self.count += 1
        self.reason = str(error)
        doubled = 2.0 ** min(self.count - 1, 10)
        if isinstance(error, RetryableStoreError) or (isinstance(error, UnavailableStoreError) and error.retryable):
            return min(_MOST_S, _FIRST_S * doubled)
        return min(_PERMANENT_S, doubled)

    def worked(self) -> bool:
        """The store has taken something; whether that is news."""
        news = self.reason is not None
        self.count, self.reason = 0, None
        return news

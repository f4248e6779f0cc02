"""The page's connections to the database: few, kept, and made anew when the database was away."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from atlas_otel.errors import RetryableStoreError
from atlas_otel.postgres.connect import connect, quiet
from atlas_otel.postgres.failures import translating
from atlas_otel.process.fork import lock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlas_otel.postgres.overlap import OverlappingConnection

_CONNECTIONS: Final = 6
_WAIT_S: Final = 10.0


class Database:
    """Hands out connections to ``url``, each to one request at a time."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._idle: list[OverlappingConnection] = []
        self._lock = lock()
        self._room = threading.BoundedSemaphore(_CONNECTIONS)

    @contextmanager
    def connection(self) -> Iterator[OverlappingConnection]:
        """A connection in one transaction.

        Raises RetryableStoreError where the database is away or all connections are busy, StoreError where it refuses.
        """
        if not self._room.acquire(timeout=_WAIT_S):
            raise RetryableStoreError("all connections to the database are busy")
        try:
            with quiet(), translating(self.url):
                connection = self._take()
                try:
                    with connection.transaction():
                        yield connection
                except BaseException:
                    # Whatever state it is in: a refused request costs one connection, and the next one makes its own.
                    if connection.closed or connection.broken:
                        connection.close()
                    else:
                        self._give_back(connection)
                    raise
                self._give_back(connection)
        finally:
            self._room.release()

    def close(self) -> None:
        """Close what is idle."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> OverlappingConnection:
        with self._lock:
            while self._idle:
                connection = self._idle.pop()
                if not connection.closed:
                    return connection
        return connect(self.url)

    def _give_back(self, connection: OverlappingConnection) -> None:
        with self._lock:
            self._idle.append(connection)

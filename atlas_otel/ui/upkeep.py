"""What the page's server does beside requests: facts of sessions that have none, and days' numbers."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from atlas_otel.errors import AtlasOtelError
from atlas_otel.postgres import facts
from atlas_otel.postgres.connect import connect, quiet
from atlas_otel.postgres.failures import translating
from atlas_otel.ui.clusters import name_clusters

if TYPE_CHECKING:
    from collections.abc import Iterator

_EVERY_S: Final = 5.0
_SHARE: Final = 0.05
"""How much of the time this may take at most."""
_log = logging.getLogger("atlas_otel.ui")


class Upkeep:
    """Keeps the numbers of ``url`` up to date from a thread of its own."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stop = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """The thread runs as long as the block."""
        thread = threading.Thread(target=self._run, name="atlas-otel-ui-upkeep", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join(_EVERY_S)

    def once(self) -> bool:
        """Do some of what there is to do; whether there may be more."""
        with translating(self._url), quiet(), connect(self._url) as connection:
            more = False
            if facts.may_keep(connection):
                more = facts.catch_up(connection) > 0
                name_clusters(connection)
            if facts.may_fold(connection):
                facts.fold(connection)
            return more

    def _run(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            more = False
            try:
                more = self.once()
            except AtlasOtelError as error:  # the database is away, or another role's: the next time, perhaps
                _log.debug("upkeep: %s", error)
            took = time.monotonic() - began
            self._stop.wait(0.0 if more else max(_EVERY_S, took / _SHARE))

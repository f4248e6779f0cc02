"""Retention beside a collector: once an hour, on a thread of its own."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from atlas_otel.errors import AtlasOtelError
from atlas_otel.postgres.erasure import retain

if TYPE_CHECKING:
    from datetime import timedelta

_EVERY_S: Final = 3600.0
_log = logging.getLogger("atlas_otel.collect")


class Retaining:
    """Removes what has had its time until it is stopped. Of several processes one does it at a time."""

    def __init__(
        self, url: str, records: timedelta | None, contract: timedelta | None, *, every_s: float = _EVERY_S
    ) -> None:
        self._url = url
        self._records = records
        self._contract = contract
        self._every_s = every_s
        self._over = threading.Event()
        if records is not None or contract is not None:
            threading.Thread(target=self._run, name="atlas-otel-retain", daemon=True).start()

    def stop(self) -> None:
        """Begin no further run."""
        self._over.set()

    def _run(self) -> None:
        while True:
            try:
                done = retain(self._url, records=self._records, contract=self._contract)
            except AtlasOtelError as error:
                _log.warning("retention: %s", error)
            except Exception as error:  # noqa: BLE001 — the collector goes on without it
                _log.warning("retention failed: %s", type(error).__name__)
            else:
                if done is not None and (done.records or done.contract):
                    kept, gone = done.records["sessions"], done.contract["sessions"]
                    _log.info("retention: records of %d sessions removed, %d sessions deleted", kept, gone)
            if self._over.wait(self._every_s):
                return

"""What an adapter emits while it works: checked, and recorded as an event on the span in force."""

from __future__ import annotations

import contextvars
import logging
from typing import TYPE_CHECKING, Any

from atlas_otel.errors import AdapterError
from atlas_otel.process import fork
from atlas_otel.runtime import coerce
from atlas_otel.tracing.context import current_frame
from atlas_otel.tracing.reporting import emit_event
from atlas_otel.tracing.state import absorbed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_otel.models.adapter import AdapterTelemetryEvent
    from atlas_otel.models.json_types import JsonObject

_log = logging.getLogger(__name__)


class EventEmitter:
    """The ``emit_event`` of one session. From any thread, any event loop; it never raises.

    Until the handshake has said whether events are wanted, they are held; after it they are recorded at once. An
    event stands on the span in force where it is emitted; from a thread that knows of none, on that of the phase.
    """

    def __init__(self) -> None:
        self._lock = fork.lock()
        self._held: list[tuple[contextvars.Context, JsonObject]] | None = []
        self._open = True
        self._home = contextvars.copy_context()
        self.recorded = 0
        self.dropped = 0
        """Well-formed events of an adapter that had not said it would emit any."""
        self.malformed = 0

    async def __call__(self, event: AdapterTelemetryEvent | Mapping[str, Any]) -> None:
        """Record ``event`` (contract §5)."""
        try:
            self._take(coerce.event(event))
        except AdapterError as error:
            with self._lock:
                self.malformed += 1
                first = self.malformed == 1
            if first:
                _log.warning("dropped a malformed adapter event (further ones are only counted): %s", error)
        except Exception:
            absorbed("emit_event")

    def phase(self) -> None:
        """From now on, what comes from elsewhere belongs to the span in force here."""
        self._home = contextvars.copy_context()

    def decide(self, *, wanted: bool) -> None:
        """The handshake is over: record what was held, or drop it, and do so with all that follows."""
        with self._lock:
            held, self._held = self._held or [], None
            self._open = wanted
        for context, envelope in held:
            if wanted:
                context.run(self._record, envelope, opening=True)
            else:
                self._drop()

    @property
    def held(self) -> int:
        """Events that wait for the handshake's end."""
        with self._lock:
            return len(self._held or ())

    def counts(self) -> JsonObject:
        """How many events there were."""
        return {"recorded": self.recorded, "dropped": self.dropped, "malformed": self.malformed}

    def _take(self, envelope: JsonObject) -> None:
        with self._lock:
            if self._held is not None:
                self._held.append((self._where(), envelope))
                return
        if not self._open:
            self._drop()
        elif current_frame().session is not None:
            self._record(envelope)
        else:
            self._where().run(self._record, envelope)

    def _where(self) -> contextvars.Context:
        """A copy: one ``Context`` cannot be entered by two threads at a time."""
        return contextvars.copy_context() if current_frame().session is not None else self._home.copy()

    def _record(self, envelope: JsonObject, *, opening: bool = False) -> None:
        emit_event(str(envelope["event"]), envelope, opening=opening)
        with self._lock:
            self.recorded += 1

    def _drop(self) -> None:
        with self._lock:
            self.dropped += 1
            first = self.dropped == 1
        if first:
            _log.warning(
                "the adapter emits events but answered telemetry_stream=False: they are dropped; "
                "answer telemetry_stream=True in aopen_session to have them recorded"
            )

"""The collector as a process: taking requests, stopping, and what it says."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
from typing import TYPE_CHECKING, Any, Final

from atlas_otel.capture.capture import Capture
from atlas_otel.collect.app import Collector
from atlas_otel.collect.intake import Intake, ReceivedAccounts
from atlas_otel.collect.retaining import Retaining
from atlas_otel.collect.senders import Ownership, Senders
from atlas_otel.postgres.storage import patience_of, storage_for
from atlas_otel.process.garbage import collected_seldom

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator

    from atlas_otel.collect.options import CollectOptions
    from atlas_otel.collect.shared_numbers import SharedNumbers
    from atlas_otel.delivery.storage import Storage
    from atlas_otel.settings import Settings

_STOP_S: Final = 10
"""How long requests may still take once the collector is asked to stop."""
_DRAIN_S: Final = 10.0
"""How long what was taken may then still take to be stored; in the spool it waits for the next process."""
_DRAIN_AWAY_S: Final = 1.0
"""The same where the database is away already, and the spool keeps it."""
_PROJECT_EVERY_S: Final = 2.0
_HEALTH_CONNECTIONS: Final = 64
_HEALTH_PEER_CONNECTIONS: Final = 32

_log = logging.getLogger("atlas_otel.collect")


def serve(
    settings: Settings,
    options: CollectOptions,
    listener: socket.socket,
    listening: Callable[[], None],
    *,
    health: socket.socket | None = None,
    shared: SharedNumbers | None = None,
) -> bool:
    """Take traces at ``listener``, in this process, until SIGTERM or SIGINT; whether all that was taken is stored (else
    it waits in the spool). ``health``: answers there too, however busy ``listener`` is. ``shared``: the numbers of all
    workers at one port."""
    import uvicorn

    from atlas_otel.collect.connections import Connections, guarded

    accounts = ReceivedAccounts()
    capture = Capture.from_settings(settings, on_loss=accounts.absorbed)
    storage = _storage(settings, options, accounts)
    database = settings.database_url or ""

    senders = Senders(options.token, database if options.tokens else None)
    senders.refresh()
    ownership = Ownership(database) if options.tokens else None

    class _Server(uvicorn.Server):
        """Ends its process with 0 when it is asked to stop, and says when it listens."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            storage.drain.wake()  # what an earlier process left unprojected
            listening()

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            # A terminal's Ctrl-C reaches every worker and the process over them, which asks them to stop; whoever asks
            # all of them, too, must not end one that is storing what it has.
            asked_by = (signal.SIGTERM, signal.SIGINT) if shared is None else (signal.SIGTERM,)
            before = {one: signal.signal(one, self.handle_exit) for one in asked_by}
            if shared is not None:
                before = dict.fromkeys(asked_by, signal.SIG_IGN)
            try:
                yield
            finally:
                for one, handler in before.items():
                    signal.signal(one, handler)

    class _HealthServer(uvicorn.Server):
        """Beside the other: signals are that one's."""

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    def config(app: Any, connections: Connections) -> uvicorn.Config:
        return uvicorn.Config(
            app,
            interface="asgi3",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            ws="none",
            http=guarded(connections),  # type: ignore[arg-type]
            timeout_graceful_shutdown=_STOP_S,
            ssl_certfile=options.tls_cert,
            ssl_keyfile=options.tls_key,
        )

    async def run() -> None:
        app = Collector(
            Intake(storage, accounts),
            accounts,
            capture,
            senders=senders,
            ownership=ownership,
            max_body_bytes=options.max_body_bytes,
            max_held_bytes=options.max_held_bytes,
            max_decoded_bytes=options.max_decoded_bytes,
            shared=shared,
        )
        beside = _HealthServer(config(app.health, Connections(_HEALTH_CONNECTIONS, _HEALTH_PEER_CONNECTIONS)))
        answering = asyncio.create_task(beside.serve(sockets=[health])) if health is not None else None
        connections = Connections(options.max_connections, options.max_peer_connections)
        async with _meanwhile(app.keep_shared(), app.keep_senders()):
            await _Server(config(app, connections)).serve(sockets=[listener])
        if answering is not None:
            beside.should_exit = True
            await answering

    retaining = Retaining(database, options.retain_records, options.retain_contract)
    with collected_seldom():
        asyncio.run(run())
        retaining.stop()
        away = storage.journal.durable and storage.drain.failures > 0
        complete = storage.drain.shutdown(_DRAIN_AWAY_S if away else _DRAIN_S)
    waiting = accounts.snapshot()
    if not complete:
        _log.warning(
            "stopped; %d spans and %d events are not stored yet", waiting.spans.spooled, waiting.events.spooled
        )
    return complete


def _storage(settings: Settings, options: CollectOptions, accounts: ReceivedAccounts) -> Storage:
    """The way into the destination, else into the database, whose sessions are computed here as well."""
    if options.destination is not None:
        return options.destination.storage(settings.durability, accounts, options.spool_bytes)
    assert settings.database_url is not None
    return storage_for(
        settings.database_url,
        settings.durability,
        accounts=accounts,
        patience=patience_of(settings),
        projection="any",
        project_every_s=_PROJECT_EVERY_S,
        spool_bytes=options.spool_bytes,
    )


@contextlib.asynccontextmanager
async def _meanwhile(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run ``work`` beside the body, and cancel it at the end. It is waited for, so a failure of it is said here, and
    being cancelled is none."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                _log.warning("background work failed: %s", ended)


def log_to_stderr() -> None:
    """Say on stderr what is to be said."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)

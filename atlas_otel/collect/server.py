"""The collector as a process: listening, stopping, and what it says."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import ssl
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from atlas_otel.capture import Capture, Limits
from atlas_otel.collect.app import TRACES, Collector
from atlas_otel.collect.intake import Intake, ReceivedAccounts
from atlas_otel.errors import ConfigError
from atlas_otel.postgres.dsn import check_database_url
from atlas_otel.redaction import build_redactor
from atlas_otel.storage import patience_of, storage_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from atlas_otel.collect.shared_numbers import SharedNumbers
    from atlas_otel.settings import Settings

DEFAULT_PORT: Final = 4320
"""Beside a Collector on the same machine, which has 4317 and 4318."""
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_STOP_S: Final = 10
"""How long requests may still take once the collector is asked to stop."""
_DRAIN_S: Final = 10.0
"""How long what was taken may then still take to be stored; in the spool it waits for the next process."""
_DRAIN_AWAY_S: Final = 1.0
"""The same where the database is away already, and the spool keeps it."""
_COMMIT_S: Final = 20.0
"""How long a sender waits for the commit where there is no spool."""
_PROJECT_EVERY_S: Final = 2.0
_MAX_CONNECTIONS: Final = 1_000

_log = logging.getLogger("atlas_otel.collect")


@dataclass(frozen=True)
class CollectOptions:
    """How to listen, and how much to take. ``max_held_bytes``: of all bodies in memory at one time, in each worker;
    ``spool_bytes``: of what waits for the database in files. ``workers``: processes that share the port."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    token: str | None = None
    insecure: bool = False
    tls_cert: Path | None = None
    tls_key: Path | None = None
    max_body_bytes: int = 64 * 1024 * 1024
    max_held_bytes: int = 256 * 1024 * 1024
    spool_bytes: int | None = None
    workers: int = 1

    def check(self) -> None:
        """Raises ConfigError for what would let anybody in, or cannot work."""
        if self.host not in _LOOPBACK and not self.token and not self.insecure:
            raise ConfigError(
                f"listening on {self.host} without a token lets anybody write: set ATLAS_OTEL_COLLECT_TOKEN, or give "
                "--token-file (or --insecure-no-token, where something else guards the port)"
            )
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ConfigError("TLS needs both --tls-cert and --tls-key")
        if self.token is not None and (not self.token.isascii() or not self.token.isprintable() or " " in self.token):
            raise ConfigError("the collector's token must be printable ASCII without spaces")


def collect(settings: Settings, options: CollectOptions, listening: Callable[[str], None]) -> bool:
    """Take traces until SIGTERM or SIGINT; whether all that was taken is stored (else it waits in the spool).

    ``settings``: the database, and what may be kept. ``listening`` is called with the address once connections are
    taken. Raises ConfigError where it cannot begin.
    """
    if find_spec("uvicorn") is None:
        raise ConfigError("atlas-otel collect needs a web server: pip install 'atlas-otel[collect]'")
    options.check()
    _check_tls(options)
    assert settings.database_url is not None
    check_database_url(settings.database_url)
    with _bind(options.host, options.port) as listener:
        scheme = "https" if options.tls_cert else "http"
        host, port = listener.getsockname()[:2]
        address = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}{TRACES}"
        if options.workers == 1:
            return serve(settings, options, listener, lambda: listening(address))
        from atlas_otel.collect.workers import supervise

        return supervise(settings, options, listener, lambda: listening(address))


def serve(
    settings: Settings,
    options: CollectOptions,
    listener: socket.socket,
    listening: Callable[[], None],
    *,
    shared: SharedNumbers | None = None,
) -> bool:
    """The same in this process, at ``listener``. ``shared``: the numbers of all workers at one port."""
    import uvicorn

    accounts = ReceivedAccounts()
    capture = Capture(
        Limits(settings.max_string_bytes, settings.max_value_bytes),
        content=settings.capture_content,
        redactor=build_redactor(settings.redact),
        on_loss=accounts.absorbed,
    )
    assert settings.database_url is not None
    storage = storage_for(
        settings.database_url,
        settings.durability,
        accounts=accounts,
        patience=patience_of(settings),
        project_every_s=_PROJECT_EVERY_S,
        spool_bytes=options.spool_bytes,
    )

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

    async def run() -> None:
        app = Collector(
            Intake(storage, accounts, wait_s=_COMMIT_S),
            accounts,
            capture,
            token=options.token,
            max_body_bytes=options.max_body_bytes,
            max_held_bytes=options.max_held_bytes,
            shared=shared,
        )
        config = uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            ws="none",
            limit_concurrency=_MAX_CONNECTIONS,
            timeout_graceful_shutdown=_STOP_S,
            ssl_certfile=options.tls_cert,
            ssl_keyfile=options.tls_key,
        )
        keeping = asyncio.create_task(app.keep_shared())
        await _Server(config).serve(sockets=[listener])
        keeping.cancel()

    asyncio.run(run())
    away = storage.journal.durable and storage.drain.failures > 0
    complete = storage.drain.shutdown(_DRAIN_AWAY_S if away else _DRAIN_S)
    waiting = accounts.snapshot()
    if not complete:
        _log.warning("stopped with %d spans and %d events not stored", waiting.spans.spooled, waiting.events.spooled)
    return complete


def log_to_stderr() -> None:
    """Say on stderr what is to be said."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


def _bind(host: str, port: int) -> socket.socket:
    listener: socket.socket | None = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        if listener is not None:
            listener.close()
        raise ConfigError(f"cannot listen on {host}:{port}: {error.strerror or error}") from None
    listener.set_inheritable(False)
    return listener


def _check_tls(options: CollectOptions) -> None:
    if options.tls_cert is None or options.tls_key is None:
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(options.tls_cert, options.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"cannot use the TLS certificate {options.tls_cert}: {error.strerror or error}") from None

"""The page as a process: listening, keeping its numbers up to date, stopping."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from typing import TYPE_CHECKING, Final

from atlas_otel.errors import ConfigError, RetryableStoreError
from atlas_otel.postgres.connect import connect, quiet
from atlas_otel.postgres.dsn import check_usable
from atlas_otel.postgres.failures import translating
from atlas_otel.postgres.migrate import require_current

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from atlas_otel.ui.options import UiOptions

_STOP_S: Final = 3


def serve(options: UiOptions, listening: Callable[[str], None]) -> None:
    """Serve the page until SIGINT or SIGTERM. ``listening`` is called with its address once it answers.

    Raises ConfigError where the extra ``ui`` is not installed, the URL is wrong or the address cannot be had,
    SchemaError where the schema is not this program's. A database that is away is waited for: the page says so.
    """
    try:
        import uvicorn

        from atlas_otel.ui.app import UiApp
    except ImportError:
        raise ConfigError("this command needs the extra ui: pip install 'atlas-otel[ui]'") from None
    from atlas_otel.ui.builds import Builds
    from atlas_otel.ui.database import Database
    from atlas_otel.ui.guard import Guard
    from atlas_otel.ui.upkeep import Upkeep

    check_usable(options.database_url)
    _check_schema(options.database_url)
    listener = _listener(options.host, options.port)
    port = listener.getsockname()[1]
    database = Database(options.database_url)
    app = UiApp(options, database, Guard(options, secrets.token_bytes(32), port), Builds())
    upkeep = Upkeep(options.database_url)
    host = f"[{options.host}]" if ":" in options.host else options.host

    class _Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            listening(f"http://{host}:{port}/")

    config = uvicorn.Config(
        app,
        interface="asgi3",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=_STOP_S,
    )
    try:
        with upkeep.running(), _ends_quietly():
            asyncio.run(_Server(config).serve(sockets=[listener]))
    finally:
        database.close()
        listener.close()


@contextlib.contextmanager
def _ends_quietly() -> Iterator[None]:
    """Ctrl-C ends the page; uvicorn raises it again once it has stopped."""
    with contextlib.suppress(KeyboardInterrupt):
        yield


def _check_schema(url: str) -> None:
    try:
        with translating(url), quiet(), connect(url) as connection:
            require_current(connection, url)
    except RetryableStoreError:
        return  # away: the page says so until it is back


def _listener(host: str, port: int) -> socket.socket:
    listener: socket.socket | None = None
    try:
        family, kind, number, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, number)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except (OSError, UnicodeError, OverflowError) as error:
        if listener is not None:
            listener.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"cannot listen at {host}:{port}: {reason}; give another --port") from None
    return listener

"""``atlas-otel collect``: what has to be right before it listens, and then one process at the port, or several."""

from __future__ import annotations

import logging
import socket
import ssl
from contextlib import ExitStack
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from atlas_otel.collect.app import TRACES
from atlas_otel.collect.server import serve
from atlas_otel.collect.workers import supervise
from atlas_otel.errors import ConfigError
from atlas_otel.postgres.dsn import check_database_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlas_otel.collect.options import CollectOptions
    from atlas_otel.settings import Settings

_log: Final = logging.getLogger("atlas_otel.collect")


def collect(settings: Settings, options: CollectOptions, listening: Callable[[str], None]) -> bool:
    """Take traces until SIGTERM or SIGINT; whether all that was taken is stored (else it waits in the spool).

    ``settings``: the database, and what may be kept. ``listening`` is called with the address once connections are
    taken. Raises ConfigError where it cannot begin.
    """
    if find_spec("uvicorn") is None:
        raise ConfigError("atlas-otel collect needs a web server: pip install 'atlas-otel[collect]'")
    options.check()
    _check_tls(options)
    if options.destination is not None:
        options.destination.check()
    else:
        assert settings.database_url is not None
        check_database_url(settings.database_url)
    with ExitStack() as held:
        listener = held.enter_context(_bind(options.host, options.port))
        scheme = "https" if options.tls_cert else "http"
        host, port = listener.getsockname()[:2]
        place = f"{scheme}://{f'[{host}]' if ':' in host else host}"
        health = _health(options, port)
        if health is not None:
            held.enter_context(health)
            _log.info("health at %s:%s/healthz", place, health.getsockname()[1])
        serving = serve if options.workers == 1 else supervise
        return serving(settings, options, listener, lambda: listening(f"{place}:{port}{TRACES}"), health=health)


def _health(options: CollectOptions, port: int) -> socket.socket | None:
    """Where health is asked for: at the port that is named, else at the next one after ``port``, if that is free."""
    if options.health_port is not None:
        return _bind(options.host, options.health_port)
    try:
        return _bind(options.host, 0 if options.port == 0 else port + 1)
    except ConfigError as error:
        _log.warning("cannot open the health listener: %s", error)
        return None


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

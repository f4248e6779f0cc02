"""How the collector listens, and how much it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from atlas_otel.errors import ConfigError

if TYPE_CHECKING:
    from datetime import timedelta
    from pathlib import Path

    from atlas_otel.delivery.accounts import Accounts
    from atlas_otel.delivery.storage import Storage
    from atlas_otel.settings import Durability

DEFAULT_PORT: Final = 4320
"""Beside a Collector on the same machine, which has 4317 and 4318."""
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class Destination(Protocol):
    """Where records go that are not for a database. It is sent to worker processes."""

    def check(self) -> None:
        """Raises an error of ours where it cannot be written to."""

    def storage(self, durability: Durability, accounts: Accounts, spool_bytes: int | None) -> Storage:
        """The way there."""


@dataclass(frozen=True)
class CollectOptions:
    """How to listen, and how much to take. ``token``: one for all senders; ``tokens``: those of the database.

    In each worker: ``max_held_bytes`` of all bodies in memory at one time, ``max_decoded_bytes`` of what they are
    decoded to; ``max_connections`` in all, ``max_peer_connections`` of one address. ``spool_bytes``: of what waits for
    the database in files. ``workers``: processes that share the port. ``health_port``: where health is asked for,
    beside ``port``; None: the next one, where it is free. ``retain_records``, ``retain_contract``: after how long a
    session's records go, and all of it; None: never. ``destination``: where records go instead of the database.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    token: str | None = None
    tokens: bool = False
    insecure: bool = False
    tls_cert: Path | None = None
    tls_key: Path | None = None
    max_body_bytes: int = 64 * 1024 * 1024
    max_held_bytes: int = 256 * 1024 * 1024
    max_decoded_bytes: int = 1024 * 1024 * 1024
    max_connections: int = 512
    max_peer_connections: int = 256
    health_port: int | None = None
    retain_records: timedelta | None = None
    retain_contract: timedelta | None = None
    spool_bytes: int | None = None
    workers: int = 1
    destination: Destination | None = None

    def check(self) -> None:
        """Raises ConfigError for what would let anybody in, or cannot work."""
        if self.host not in _LOOPBACK and not (self.token or self.tokens or self.insecure):
            raise ConfigError(
                f"listening on {self.host} without a token lets anyone write: set ATLAS_OTEL_COLLECT_TOKEN, or use "
                "--token-file or --tokens (or --insecure-no-token if something else protects the port)"
            )
        if self.destination is not None and (self.tokens or self.retain_records or self.retain_contract):
            raise ConfigError("--tokens, --retain-records and --retain-contract need a database: a lake has none of it")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ConfigError("TLS needs both --tls-cert and --tls-key")
        if self.token is not None and (not self.token.isascii() or not self.token.isprintable() or " " in self.token):
            raise ConfigError("the collector's token must be printable ASCII without spaces")

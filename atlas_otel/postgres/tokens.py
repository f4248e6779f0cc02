"""The tokens of those who may send: made once, kept as a hash, cut off one by one."""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, get_args

import psycopg

from atlas_otel.errors import UsageError
from atlas_otel.postgres.connect import connect, quiet
from atlas_otel.postgres.failures import translating
from atlas_otel.postgres.migrate import require_current

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime, timedelta

Scope = Literal["govern", "any-session"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PREFIX: Final = "atlas_"
_COLUMNS: Final = "name, hash, scopes, created_at, expires_at, revoked_at"


class Token(NamedTuple):
    """A token as it is kept: its name and the SHA-256 of it. ``scopes``: see :data:`SCOPES`."""

    name: str
    hash: bytes
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    def holds(self, now: datetime) -> bool:
        """Whether it is good at that time."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


def hash_of(token: str | bytes) -> bytes:
    """What a token is known by. Tokens are random: there is nothing to guess from a plain hash."""
    return hashlib.sha256(token.encode() if isinstance(token, str) else token).digest()


def create(url: str, name: str, scopes: Collection[Scope] = (), lifetime: timedelta | None = None) -> str:
    """A new token of that name, which nobody can be told again. Raises UsageError for a name that is taken, or none."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"a token's name is letters, digits, '.', '_' and '-', 64 at most, not {name!r}")
    token = _PREFIX + secrets.token_urlsafe(32)
    with translating(url), quiet(), connect(url) as connection:
        require_current(connection, url)
        try:
            connection.execute(
                "INSERT INTO atlas_otel.tokens (name, hash, scopes, expires_at) VALUES (%s, %s, %s, now() + %s)",
                [name, hash_of(token), sorted(scopes), lifetime],
            )
            connection.commit()
        except psycopg.errors.UniqueViolation:
            raise UsageError(f"there is a token named {name} already; give this one another name") from None
    return token


def read(url: str) -> list[Token]:
    """All tokens, by name; those that no longer hold too."""
    with translating(url), quiet(), connect(url) as connection:
        rows = connection.execute(f"SELECT {_COLUMNS} FROM atlas_otel.tokens ORDER BY name").fetchall()  # noqa: S608
    return [Token(row[0], bytes(row[1]), tuple(row[2]), *row[3:]) for row in rows]


def revoke(url: str, name: str) -> None:
    """Have a token hold no longer. Raises UsageError where there is none of that name. Idempotent."""
    with translating(url), quiet(), connect(url) as connection:
        require_current(connection, url)
        done = connection.execute(
            "UPDATE atlas_otel.tokens SET revoked_at = coalesce(revoked_at, now()) WHERE name = %s", [name]
        )
        connection.commit()
        if not done.rowcount:
            raise UsageError(f"there is no token named {name}; see: atlas-otel tokens list")

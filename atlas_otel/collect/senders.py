"""Who sends: by the token that is shown; and whether a sender may write where it writes."""

from __future__ import annotations

import hmac
import logging
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Final, NamedTuple

from atlas_otel.collect.body import Refusal
from atlas_otel.errors import AtlasOtelError
from atlas_otel.otlp.claims import ANYBODY, Sender
from atlas_otel.postgres import tokens
from atlas_otel.postgres.batch import owner_of
from atlas_otel.postgres.connect import connect, quiet
from atlas_otel.postgres.failures import translating
from atlas_otel.postgres.statements import statement
from atlas_otel.process import fork
from atlas_otel.process.quiet_log import QuietLog
from atlas_otel.projection.trace_sessions import late_target
from atlas_otel.records.record import SpanRecord

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    import psycopg

    from atlas_otel.postgres.batch import Owner
    from atlas_otel.records.record import Record

REFRESH_S: Final = 5.0
"""How old what is known of the tokens may be."""
_REMEMBERED: Final = 100_000
_RETRY_S: Final = 5

_log = logging.getLogger("atlas_otel.collect")


class Who(NamedTuple):
    """A sender. ``anywhere``: it may write into sessions of others."""

    sender: Sender = ANYBODY
    anywhere: bool = True


class Senders:
    """Tells senders by their tokens. ``shared``: one token for anybody; ``url``: the database with a token for each, or
    None. Without either everybody may send."""

    def __init__(self, shared: str | None, url: str | None) -> None:
        self._shared = shared.encode() if shared else None
        self._url = url
        self._known: dict[bytes, tokens.Token] | None = None
        self._failures = QuietLog("atlas_otel.collect")

    @property
    def refreshes(self) -> bool:
        """Whether :meth:`refresh` has something to do."""
        return self._url is not None

    def refresh(self) -> None:
        """Read the tokens again. Waits for the database; where it is away, what was known goes on."""
        if self._url is None:
            return
        try:
            self._known = {one.hash: one for one in tokens.read(self._url)}
        except AtlasOtelError as error:
            self._failures.warning("the tokens cannot be read: %s", error)

    def who(self, authorization: bytes) -> Who:
        """Who shows this header. Raises Refusal."""
        if self._shared is None and self._url is None:
            return Who()
        scheme, _, shown = authorization.partition(b" ")
        shown = shown.strip()
        if scheme.lower() != b"bearer" or not shown:
            raise Refusal(401, "expected the collector's bearer token")
        if self._shared is not None and hmac.compare_digest(shown, self._shared):
            return Who()
        if self._url is not None:
            if self._known is None:
                raise Refusal(503, "the tokens are not known yet; send it again", retry_after=_RETRY_S)
            token = self._known.get(tokens.hash_of(shown))
            if token is not None and token.holds(datetime.now(timezone.utc)):
                return Who(Sender(token.name, "govern" in token.scopes), "any-session" in token.scopes)
        raise Refusal(401, "expected the collector's bearer token")


class Ownership:
    """Which sessions and traces are whose: of who wrote into them first. Thread-safe; waits for the database."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = fork.lock()
        self._connection: psycopg.Connection[Any] | None = None
        self._own: dict[str, set[Owner]] = {}

    def sifted(self, records: Sequence[Record], sender: str) -> list[Record]:
        """Those records that ``sender`` may write. Raises Refusal where that cannot be told now."""
        needs = {id(record): _owners(record) for record in records}
        asked = set().union(*needs.values())
        with self._lock:
            own = self._own.setdefault(sender, set())
            if unknown := asked - own:
                if len(own) > _REMEMBERED:
                    own.clear()
                    unknown = asked
                own |= self._claimed(unknown, sender)
            return [record for record in records if needs[id(record)] <= own]

    def _claimed(self, owners: set[Owner], sender: str) -> set[Owner]:
        asked = {"sender": sender, "kinds": [k for k, _ in owners], "ids": [name for _, name in owners]}
        try:
            with translating(self._url), quiet():
                if self._connection is None or self._connection.closed:
                    self._connection = connect(self._url)
                with self._connection.transaction():
                    self._connection.execute(statement("senders_claim"), asked)
                    found = self._connection.execute(statement("senders_own"), asked).fetchall()
        except AtlasOtelError as error:
            _log.warning("whose sessions these are cannot be told: %s", error)
            self._connection = None
            raise Refusal(
                503, "whose session this is cannot be told now; send it again", retry_after=_RETRY_S
            ) from None
        return {(kind, name) for kind, name in found}


def _owners(record: Record) -> set[Owner]:
    """The session and the trace that a record is for, and a late reward's target."""
    owners = {owner_of(record), ("trace", record.trace_id)}
    if isinstance(record, SpanRecord) and (target := late_target(record)) is not None:
        owners.add(("trace", target[0]))
    return owners

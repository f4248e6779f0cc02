"""What a failure of Postgres means to its caller: the one table of SQLSTATEs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import psycopg

from atlas_otel.errors import PermanentStoreError, RetryableStoreError, SchemaError, StoreError
from atlas_otel.postgres.dsn import describe, scrub

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

from contextlib import contextmanager

# Classes (two characters) and codes (five), PostgreSQL's appendix "Error Codes".
_RETRYABLE: Final = (
    "08",  # connection exception
    "25006",  # read-only transaction: a standby, in the middle of a failover
    "40",  # transaction rollback: deadlock, serialization failure
    "53",  # insufficient resources: disk full, out of memory, too many connections
    "55",  # object not in prerequisite state: lock not available, object in use
    "57",  # operator intervention: shutdown, recovery, statement timeout
    "58",  # system error outside Postgres: input/output
    "XX000",  # internal error
)
_MISSING_SCHEMA: Final = ("3F000", "42P01", "42703")  # no such schema, table, column
# libpq keeps the SQLSTATE of a failed connection to itself, so there the server's words have to do. In a language
# that is not listed, such a failure counts as retryable, which costs tries but no data.
_REFUSED: Final = (
    "does not exist",
    "authentication failed",
    "pg_hba.conf",
    "not permitted to log in",
    "permission denied",
)
_DATA: Final = (
    "22",  # data exception: a NUL, a number out of range, text that is not JSON
    "23",  # integrity constraint violation
    "54",  # program limit exceeded: an index row too large
)


def is_data_error(error: BaseException) -> bool:
    """Whether a record in the batch is at fault, so that the others would go in without it."""
    if isinstance(error, psycopg.Error):
        return (error.sqlstate or "").startswith(_DATA) or (
            error.sqlstate is None and isinstance(error, psycopg.DataError)
        )
    return False


def translated(error: psycopg.Error, url: str) -> StoreError:
    """The error of ours for one of psycopg's: one line, without a password."""
    state = error.sqlstate
    text = f"{describe(url)}: {scrub(_words(error), url) or type(error).__name__}"
    if state is None:
        # The server is away, or refused the connection (OperationalError), or this program is at fault.
        away = isinstance(error, psycopg.OperationalError) and not (
            "FATAL" in text and any(words in text for words in _REFUSED)
        )
        return RetryableStoreError(text) if away else PermanentStoreError(text)
    if state.startswith(_RETRYABLE):
        return RetryableStoreError(text)
    if state in _MISSING_SCHEMA:
        return SchemaError(f"{text}; run: atlas-otel db init")
    return PermanentStoreError(text)


def _words(error: psycopg.Error) -> str:
    """What may stand in a log: not the rows that the server quotes (DETAIL, CONTEXT), nor a value that it refuses."""
    if is_data_error(error):
        return f"{type(error).__name__} ({error.sqlstate})"
    return error.diag.message_primary or str(error)


def translating(url: str) -> AbstractContextManager[None]:
    """Psycopg's errors leave the block as errors of ours."""
    return _translating(url)


@contextmanager
def _translating(url: str) -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        # `from None`: a traceback prints causes, and psycopg's message may quote the password.
        raise translated(error, url) from None

"""Binary COPY buffers, made by hand. Pure.

The format is PostgreSQL's ("COPY", section "Binary Format"): a header, then per row a count of fields and, per
field, its length in bytes (-1 for NULL) and its value as the type's binary input function wants it, then a trailer.
A driver that adapts value by value takes several times as long.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER: Final = b"\xff\xff"
NULL: Final = b"\xff\xff\xff\xff"

_LENGTH: Final = Struct(">i").pack
_COUNT: Final = Struct(">h").pack
_BIGINT: Final = Struct(">iq").pack
_INTEGER: Final = Struct(">ii").pack
_JSONB_VERSION: Final = b"\x01"
_EPOCH_2000_US: Final = 946_684_800_000_000  # Postgres counts time from 2000-01-01 UTC


def row(*fields: bytes) -> bytes:
    """One row of fields that the functions below made."""
    return _COUNT(len(fields)) + b"".join(fields)


def text(value: str | None) -> bytes:
    """``text``, and ``json`` from its text. Raises UnicodeEncodeError for a lone surrogate."""
    if value is None:
        return NULL
    encoded = value.encode()
    return _LENGTH(len(encoded)) + encoded


def raw(value: bytes | None) -> bytes:
    """``bytea``, and ``json`` or ``text`` that is UTF-8 already."""
    return NULL if value is None else _LENGTH(len(value)) + value


def jsonb(value: bytes | None) -> bytes:
    """``jsonb`` from its text in UTF-8."""
    return NULL if value is None else _LENGTH(len(value) + 1) + _JSONB_VERSION + value


def bigint(value: int | None) -> bytes:
    """``bigint``. Raises struct.error outside 64 bits."""
    return NULL if value is None else _BIGINT(8, value)


def integer(value: int | None) -> bytes:
    """``integer``. Raises struct.error outside 32 bits."""
    return NULL if value is None else _INTEGER(4, value)


def timestamptz(value: datetime | None) -> bytes:
    """``timestamptz``, to the microsecond, from an aware datetime."""
    if value is None:
        return NULL
    # Whole seconds and microseconds apart: a float of today's seconds has no room for exact microseconds.
    seconds = int(value.replace(microsecond=0).timestamp())
    return _BIGINT(8, seconds * 1_000_000 + value.microsecond - _EPOCH_2000_US)


def timestamptz_of_ns(value: int) -> bytes:
    """``timestamptz`` from Unix nanoseconds, rounded down to the microsecond."""
    return _BIGINT(8, value // 1000 - _EPOCH_2000_US)

"""A captured text as it was encoded: UTF-8 that stays bytes until somebody reads it.

Capturing a value makes bytes, and the spool writes bytes. Between the two nobody reads them, but Python decodes text
that is not ASCII a character at a time: 20 µs for 20 KB, as much as a span takes. So where a span's records go to a
journal and nowhere else, its long captured texts are ``bytes`` (``state.Instrumentation.utf8_over``), and the thread
that reads them decodes them: mostly the drain's. Nothing else in a record is ``bytes``: capture makes objects of those.

Measured with ``make budget``, in instructions of a raw span, with bytes and with text alone: an ordinary decorated call
into the spool 1.00 and 1.08, one with 20 KB 0.97 and 1.99.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

IN_SPOOL: Final = 512
IN_MEMORY: Final = 4096
"""Bytes: texts over this are kept as they are, where the journal writes them to a file, and where it holds them. There
a call with 1 KB takes a sixth more time with bytes than with text, measured in turns."""
NEVER: Final = sys.maxsize
"""Somebody else looks: all are text."""


def least(*, durable: bool) -> int:
    """Over how many bytes a text is kept as it was encoded, for a journal of that kind."""
    return IN_SPOOL if durable else IN_MEMORY


def keep(data: bytes, over: int) -> str | bytes:
    """A text as a scope keeps it: as it was encoded where it is longer than ``over`` bytes."""
    return data if len(data) > over else data.decode()


def text_of(value: Any) -> Any:
    """A kept text as text; any other value as it is."""
    return value.decode() if type(value) is bytes else value


def texts_of(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same of all values in a mapping; the very same mapping where none is kept as bytes."""
    if bytes not in map(type, values.values()):
        return values
    return {key: text_of(value) for key, value in values.items()}

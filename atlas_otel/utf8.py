"""A captured text as it was encoded: UTF-8 that stays bytes until somebody reads it.

Capturing a value makes bytes, and the spool writes bytes. Between the two nobody reads them, but Python decodes text
that is not ASCII a character at a time: 20 µs for 20 KB, as much as a span takes. So where a scope's records go to a
journal and nowhere else (``state.Instrumentation.utf8``), its long captured texts are ``bytes``, and the thread that
reads them decodes them: mostly the drain's. Nothing else in a record is ``bytes``: capture makes objects of those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

LEAST: Final = 512
"""Bytes: a shorter text is decoded at once, which takes no longer than keeping it apart."""


def keep(data: bytes) -> str | bytes:
    """A text as a scope keeps it."""
    return data if len(data) > LEAST else data.decode()


def text_of(value: Any) -> Any:
    """A kept text as text; any other value as it is."""
    return value.decode() if type(value) is bytes else value


def texts_of(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same of all values in a mapping; the very same mapping where none is kept as bytes."""
    if bytes not in map(type, values.values()):
        return values
    return {key: text_of(value) for key, value in values.items()}

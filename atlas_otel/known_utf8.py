"""The UTF-8 of texts that were decoded from it a moment ago, for who needs it back.

Capturing a value makes bytes, then text of them; the spool needs the bytes again. Python encodes text that is not ASCII
a character at a time: 45 µs for 20 KB, more than all else that a captured call takes. So the last few such texts are
remembered with their bytes, each until it is asked for.
"""

from __future__ import annotations

from typing import Final

LEAST: Final = 2_048
MOST: Final = 262_144
"""Bytes: shorter texts are encoded quickly enough, longer ones would hold much memory."""
_KEPT: Final = 16

_recent: dict[int, tuple[str, bytes]] = {}  # by id, which is nobody else's while the text is held here


def decoded(data: bytes) -> str:
    """``data`` as text; remembered. Raises UnicodeDecodeError."""
    text = data.decode()
    if LEAST < len(data) <= MOST and not text.isascii():
        if len(_recent) >= _KEPT:
            _recent.clear()
        _recent[id(text)] = (text, data)
    return text


def encoded(text: str) -> bytes:
    """``text`` in UTF-8; forgotten. Raises UnicodeEncodeError for a lone surrogate."""
    kept = _recent.pop(id(text), None)
    return kept[1] if kept is not None and kept[0] is text else text.encode()

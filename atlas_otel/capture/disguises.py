"""Other forms of what a pattern names: base64, URL-coded, with zero-width characters in it, full-width. Pure.

Each takes time linear in the text. A part of a text whose plain form holds something that is to go is replaced by its
plain form without that (URL-coded, zero-width, full-width), or as a whole (base64).
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Callable

_DEPTH: Final = 2
"""Codings within codings that are undone."""
_ZERO_WIDTH: Final = "\u00ad\u034f\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u2060\u2061\u2062\u2063\u2064\ufeff"
_PLAIN: Final = {
    **dict.fromkeys(map(ord, _ZERO_WIDTH)),
    **{wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)},
    0x3000: " ",
}
_DISGUISED: Final = re.compile(f"[{_ZERO_WIDTH}\uff01-\uff5e\u3000]")
_URL_CODED: Final = re.compile(r"[^\s\"'<>]*%[0-9A-Fa-f]{2}[^\s\"'<>]*")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{12,}(?:\r?\n[A-Za-z0-9+/_-]{4,})*={0,2}")
_BREAKS: Final = re.compile(r"[\r\n]+")
_NAMED: Final = re.compile(r"\[redacted:\w+\]")


def undisguised(text: str, redact: Callable[[str], str], depth: int = _DEPTH) -> str:
    """``text`` without what ``redact`` finds in any other form of it; as it is where that finds nothing."""
    if not text.isascii() and _DISGUISED.search(text) is not None:
        plain = text.translate(_PLAIN)
        kept = _redacted(plain, redact, depth)
        if kept != plain:
            text = kept
    if "%" in text:
        text = _URL_CODED.sub(lambda found: _of_url(found[0], redact, depth), text)
    if _BASE64.search(text) is not None:
        text = _BASE64.sub(lambda found: _of_base64(found[0], redact, depth), text)
    return text


def _redacted(text: str, redact: Callable[[str], str], depth: int) -> str:
    kept = redact(text)
    return undisguised(kept, redact, depth - 1) if depth > 1 else kept


def _of_url(coded: str, redact: Callable[[str], str], depth: int) -> str:
    plain = unquote(coded)
    if plain == coded:
        return coded
    kept = _redacted(plain, redact, depth)
    return coded if kept == plain else kept


def _of_base64(coded: str, redact: Callable[[str], str], depth: int) -> str:
    if not _BREAKS.search(coded):
        return _of_run(coded, redact, depth)
    joined = _BREAKS.sub("", coded)
    if (kept := _of_run(joined, redact, depth)) != joined:
        return kept
    return "".join(_of_run(part, redact, depth) if part.strip() else part for part in re.split(r"([\r\n]+)", coded))


def _of_run(coded: str, redact: Callable[[str], str], depth: int) -> str:
    """A run of base64 as a whole: decoded it must be text, or it is none (a word, an id, a picture)."""
    body = coded.rstrip("=")
    if len(body) % 4 == 1:
        return coded
    try:
        raw = base64.b64decode(body.replace("-", "+").replace("_", "/") + "=" * (-len(body) % 4), validate=True)
        plain = raw.decode()
    except (binascii.Error, ValueError):
        return coded
    if any(sign < " " and sign not in "\t\r\n" for sign in plain):
        return coded
    kept = _redacted(plain, redact, depth)
    if kept == plain:
        return coded
    found = _NAMED.search(kept)
    return found[0] if found is not None else "[redacted]"

"""What may be kept of attributes as they come in, looked at one at a time. Pure.

Most values are short and plain, and need one look. Any other passes the gate that spans of other instrumentations pass
in process (``privacy``). With a redactor, or without content, what may be kept depends on the whole span: then
attributes stay as they came until the span is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atlas_otel import semconv
from atlas_otel.capture.privacy import sanitize_attributes
from atlas_otel.capture.value_forms import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlas_otel.capture.capture import Capture
    from atlas_otel.records.record import AttributeValue

_INT64_MIN: Final = -(2**63)
_INT64_MAX: Final = 2**63 - 1
_BYTES_OF_A_CHARACTER: Final = 4


class Keeper:
    """Decides about the attributes of one request."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self.by_span = capture.redacts
        """Whether attributes are left as they came, to be decided about when the whole span is there."""
        limits = capture.limits
        self._short = min(limits.max_string_bytes, limits.max_value_bytes) // _BYTES_OF_A_CHARACTER
        self._plain_keys: set[str] = set()

    def pair(self, key: str, value: AttributeValue) -> tuple[str, AttributeValue]:
        """What is kept of one attribute."""
        kind = type(value)
        if kind is str:
            kept = self.is_plain(value)  # type: ignore[arg-type]
        elif kind is int:
            kept = _INT64_MIN <= value <= _INT64_MAX  # type: ignore[operator]
        elif kind is float:
            kept = value - value == 0.0  # type: ignore[operator]
        elif kind is list:
            kept = self._are_plain(value)  # type: ignore[arg-type]
        else:
            kept = kind is bool or value is None
        if kept and (key in self._plain_keys or self._is_plain_key(key)):
            return key, value
        # Events that came packed are looked at one by one, when they are unpacked.
        packed = key == semconv.ATLAS_EVENTS and kind is str
        return (key, value) if self.by_span or packed else self.sanitized(key, value)

    def sanitized(self, key: str, value: AttributeValue) -> tuple[str, AttributeValue]:
        """What is kept of one that is not short and plain."""
        kept = sanitize_attributes({key: value}, "span", self._capture)
        return next(iter(kept.items()), (clean(key), None))

    def is_plain(self, text: str) -> bool:
        """Whether a text is kept as it is, where nothing is redacted: every sink takes it, and it is within limits."""
        if len(text) > self._short or "\0" in text:
            return False
        return text.isascii() or clean(text) == text

    def _is_plain_key(self, key: str) -> bool:
        plain = self.is_plain(key)
        if plain:
            self._plain_keys.add(key)
        return plain

    def _are_plain(self, items: Sequence[object]) -> bool:
        """The same of a few short texts. Escaped and with all that stands between them they may be twice as long."""
        texts = [item for item in items if type(item) is str]
        if len(texts) < len(items) or sum(map(len, texts)) + len(texts) > self._short // 2:
            return False
        return all(map(self.is_plain, texts))

"""What the JSON forms of other programs have in common: times and ids as they write them. Pure."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Final

from atlas_otel.otlp.json import hex_id
from atlas_otel.otlp.spans import NotASpan
from atlas_otel.records.json_text import dump

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from atlas_otel.records.record import AttributeValue

_SECOND: Final = 1_000_000_000
_FRACTION: Final = re.compile(r"\.(\d+)")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
# A number is in the unit that makes it a time between 1973 and 2286: seconds, milli-, micro- or nanoseconds.
_UNITS: Final = ((10**17, 1), (10**14, 1_000), (10**11, 1_000_000), (10**8, _SECOND))


def time_ns(value: object) -> int:
    """Unix nanoseconds of an ISO 8601 text (without a zone: UTC), or of a number in the unit that makes it a time of
    our days; 0 where there is none. Raises NotASpan for anything else."""
    if value is None or value == "":
        return 0
    if isinstance(value, bool):
        raise NotASpan("a time is neither ISO 8601 nor a number")
    if isinstance(value, str) and not value.lstrip("-").isdigit():
        return _iso_ns(value)
    if not isinstance(value, (int, float, str)):
        raise NotASpan("a time is neither ISO 8601 nor a number")
    try:
        number = float(value) if isinstance(value, float) else int(value)
        unit = next((unit for least, unit in _UNITS if number >= least), 1)
        return round(number * unit)
    except (ValueError, OverflowError):
        raise NotASpan("a time is neither ISO 8601 nor a number") from None


def _iso_ns(text: str) -> int:
    fraction = _FRACTION.search(text)
    nanoseconds = int(fraction[1][:9].ljust(9, "0")) if fraction else 0
    whole = _FRACTION.sub("", text.strip(), count=1)
    # Python 3.10 reads no "Z", and a space stands for the "T" in what pandas writes.
    whole = whole[:-1] + "+00:00" if whole[-1:] in "zZ" else whole
    try:
        moment = datetime.fromisoformat(whole)
    except ValueError:
        raise NotASpan("a time is neither ISO 8601 nor a number") from None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone.utc)
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * _SECOND + nanoseconds


def any_id(value: object, digits: int) -> str:
    """An id of ``digits`` hex digits: as it is (with ``0x`` or the dashes of a UUID, too), or, where it is any other
    text, a digest of it, so that the same text is the same id; empty for none."""
    if not isinstance(value, str) or not value:
        return ""
    bare = value.removeprefix("0x").replace("-", "").lower()
    if len(bare) == digits and hex_id(bare) == bare:
        return bare
    return hashlib.blake2b(value.encode("utf-8", "replace"), digest_size=digits // 2).hexdigest()


def hex_only(value: object) -> str:
    """An id that has to be hex, with ``0x`` or without; one that is not comes out as no id can be."""
    return hex_id(value.removeprefix("0x") if isinstance(value, str) else value)


def plain_value(value: object) -> AttributeValue:
    """A JSON value as an attribute: texts, numbers and lists of texts as they are, anything else as JSON text."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, list) and all(isinstance(item, (str, bool, int, float)) for item in value):
        return value
    return dump(value)


def flattened(values: Mapping[str, object], whole: frozenset[str], prefix: str = "") -> Iterator[tuple[str, object]]:
    """(dotted name, value) of nested objects, and of lists that hold objects; ``whole`` names what is not opened."""
    for name, value in values.items():
        at = f"{prefix}{name}"
        if at in whole or not isinstance(value, (dict, list)):
            yield at, value
        elif isinstance(value, dict):
            yield from flattened(value, whole, f"{at}.")
        elif any(isinstance(item, dict) for item in value):
            yield from flattened({str(number): item for number, item in enumerate(value)}, whole, f"{at}.")
        else:
            yield at, value

"""A record as it stands in the spool: its JSON, and behind it the long texts, as they are. Pure.

A payload is JSON text already. As a string within the record's JSON it would be escaped on the agent's thread and
unescaped by the drain, which for long texts costs more than all else. So an event's payload, and a span's attributes
that are kept as UTF-8 or have more than :data:`LONG` characters, stand behind the JSON array, after a line feed, which
JSON in one line never holds::

    ["e",trace id,span id,sequence,session,name,""]↵payload
    ["s",…,{"atlas.input":4711,…},…]↵["atlas.input"]↵text of 4711 bytes
"""

from __future__ import annotations

from typing import Final

import orjson

from atlas_otel.errors import RecordError
from atlas_otel.records.record import EventRecord, Record, SpanRecord, decode_record, encode_record, plain_json

LONG: Final = 2048
"""Characters. Below it, escaping takes less time than setting apart."""
_END: Final = b"\n"
_ATTRIBUTES: Final = SpanRecord._fields.index("attributes")


def pack_record(record: Record) -> bytes:
    """A record as it stands in the spool. Raises RecordError where a value is not JSON."""
    try:
        if isinstance(record, EventRecord):
            return b"\n".join((orjson.dumps(("e", *record[:-1], "")), record.payload.encode()))
        long = [
            key
            for key, value in record.attributes.items()
            if type(value) is bytes or (type(value) is str and len(value) > LONG)
        ]
        return _with_texts(record, long) if long else encode_record(record)
    except (UnicodeEncodeError, TypeError) as error:  # orjson's JSONEncodeError is a TypeError
        raise RecordError(f"a {type(record).__name__} cannot be encoded: {error}") from None


def _with_texts(span: SpanRecord, keys: list[str]) -> bytes:
    attributes = dict(span.attributes)
    texts = []
    for key in keys:
        value = attributes[key]
        text = value if type(value) is bytes else str(value).encode()
        texts.append(text)
        attributes[key] = len(text)
    fields = ("s", *span[:_ATTRIBUTES], attributes, *span[_ATTRIBUTES + 1 :])
    shown = orjson.dumps(fields, default=plain_json, option=orjson.OPT_PASSTHROUGH_DATACLASS)
    return b"".join((shown, _END, orjson.dumps(keys), _END, *texts))


def unpack_record(data: bytes) -> Record:
    """The inverse of :func:`pack_record`; records without texts behind them too. Raises RecordError on all else."""
    end = data.find(_END)
    if end < 0:
        return decode_record(data)
    record = decode_record(memoryview(data)[:end])
    try:
        if isinstance(record, EventRecord):
            return record._replace(payload=data[end + 1 :].decode())
        at = data.index(_END, end + 1) + 1
        attributes = dict(record.attributes)
        for key in orjson.loads(data[end + 1 : at]):
            size = attributes[key]
            if type(size) is not int or size < 0:
                raise RecordError(f"not a record of atlas-otel: {size!r} is not a size")
            attributes[key] = data[at : at + size].decode()
            at += size
    except (ValueError, TypeError, KeyError) as error:
        raise RecordError(f"not a record of atlas-otel: {error}") from None
    if at != len(data):
        raise RecordError(f"not a record of atlas-otel: {len(data) - at} bytes too many")
    return record._replace(attributes=attributes)

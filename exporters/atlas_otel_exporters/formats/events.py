"""A session's events put together again: a START and its END as one call, whoever recorded them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from atlas_otel.records.exact_json import dump, load

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlas_otel.models.json_types import JsonObject, JsonValue
    from atlas_otel_exporters.stored import StoredEvent


class Call(NamedTuple):
    """One span of a session: what went in and what came out. ``ended`` is False where there is no END.

    ``span_id`` is the intermediate step's UUID: the span's id, where the span was not made by a pushed step.
    """

    span_id: str
    kind: str
    name: str
    input: JsonValue
    output: JsonValue
    start: JsonObject
    end: JsonObject
    ended: bool


def calls(events: Iterable[StoredEvent], kinds: frozenset[str]) -> list[Call]:
    """The calls of these kinds (``LLM``, ``TOOL``, ``TASK``), in the order in which they began.

    ``start`` and ``end`` are the metadata of the two events. Raises RecordError where an event cannot be read.
    """
    found: dict[tuple[str, str], Call] = {}
    for event in events:
        kind, _, state = (event.event_type or "").rpartition("_")
        if kind not in kinds or state not in ("START", "END"):
            continue
        payload = _payload(load(event.event))
        uuid = payload.get("UUID")
        if not isinstance(uuid, str):
            continue
        data, metadata = _object(payload.get("data")), _object(payload.get("metadata"))
        known = found.get((kind, uuid)) or Call(uuid, kind, event.name or "", None, None, {}, {}, False)
        if state == "START":
            found[kind, uuid] = known._replace(input=data.get("input"), start=metadata)
        else:
            # The Atlas SDK's END carries the input too, and some of its calls have no other.
            given = known.input if known.input is not None else data.get("input")
            found[kind, uuid] = known._replace(input=given, output=data.get("output"), end=metadata, ended=True)
    return list(found.values())


def text(value: JsonValue) -> str:
    """A value as a model reads it: text as it is, nothing as nothing, anything else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else dump(value).decode()


def _payload(event: JsonValue) -> JsonObject:
    return _object(event.get("payload")) if isinstance(event, dict) else {}


def _object(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}

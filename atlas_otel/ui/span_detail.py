"""One span with its payload, from its events. Pure."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from atlas_otel.records.exact_json import dump, load
from atlas_otel.ui.shapes import transcript as shapes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlas_otel.models.json_types import JsonObject, JsonValue
    from atlas_otel_exporters.stored import StoredEvent

MAX_SHOWN: Final = 2 * 1024 * 1024
_FACT: Final = 2_000
_TOLD: Final = frozenset({"chat_inputs", "chat_responses", "error", "tools_schema", "span_id", "trace_id"})


class Ends(NamedTuple):
    """The payloads of what began a span and of what ended it; None for what is not there."""

    start: JsonObject | None
    end: JsonObject | None

    @property
    def metadata(self) -> JsonObject:
        """What both say beside their data; the end has the last word."""
        return _object((self.start or {}).get("metadata")) | _object((self.end or {}).get("metadata"))

    def part(self, name: str) -> JsonValue:
        """What the span was given (``input``), or gave (``output``)."""
        held, key = (self.start, "input") if name == "input" else (self.end, "output")
        value = _object((held or {}).get("data")).get(key)
        if value is None and name == "input":
            return self.metadata.get("chat_inputs")
        return self.metadata.get("chat_responses") if value is None else value


def ends_of(events: Sequence[StoredEvent]) -> Ends:
    """The first that began it, and the last that ended it; what stands alone both began and ended."""
    start: JsonObject | None = None
    end: JsonObject | None = None
    for event in events:
        payload = _object(_object(load(event.event)).get("payload"))
        if (event.event_type or "").endswith("_END"):
            end = payload
        elif start is None:
            start = payload
            if event.event_type == "ADAPTER_EVENT":
                end = payload
    return Ends(start, end)


def text_of(value: JsonValue) -> tuple[str, bool]:
    """A payload as text, and whether that is JSON."""
    if value is None:
        return "", False
    return (value, False) if isinstance(value, str) else (dump(value).decode(), True)


def payload(value: JsonValue, download: str) -> shapes.Payload:
    """A payload; over 2 MB, where it is."""
    text, is_json = text_of(value)
    size = len(text.encode("utf-8", "surrogatepass"))
    large = size > MAX_SHOWN
    return shapes.Payload(
        text=None if large else text, json_text=is_json, size=size, download=download if large else None
    )


def error_of(ends: Ends) -> shapes.SpanError | None:
    """What went wrong."""
    error = ends.metadata.get("error")
    if isinstance(error, dict):
        stack = error.get("stacktrace")
        return shapes.SpanError(
            type=_text(error.get("type")),
            message=_text(error.get("message")) or "",
            stack=stack if isinstance(stack, str) else None,
        )
    return None if not isinstance(error, str) else shapes.SpanError(type=None, message=error, stack=None)


def facts_of(ends: Ends) -> list[shapes.Fact]:
    """All else that the span says of itself."""
    found = []
    for name, value in sorted(ends.metadata.items()):
        if name not in _TOLD and value is not None:
            found.append(shapes.Fact(name=name, value=text_of(value)[0][:_FACT]))
    return found


def moment(held: JsonObject | None, name: str = "event_timestamp") -> datetime | None:
    """A time that a payload states, in Unix seconds."""
    value: Any = (held or {}).get(name)
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < 1e11:
        return None
    return datetime.fromtimestamp(value, timezone.utc)


def _object(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) and value else None

"""What an event record says: its payload as JSON text, and what of it OTel backends are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from atlas_otel import semconv

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_otel import state
    from atlas_otel.span_record import AttributeValue


def event_payload(parts: state.Instrumentation, name: str, payload: Mapping[str, Any]) -> str:
    """A payload as JSON text; with content capture off, only what is no content."""
    captured = parts.capture.value(payload, name)
    if captured is not None:
        return captured.json
    from atlas_otel.privacy import event_skeleton

    return str(orjson.dumps(event_skeleton(name, payload)), "utf-8")


def event_content(parts: state.Instrumentation, name: str, text: str) -> dict[str, AttributeValue]:
    """What OTel backends see of an event's content: its payload, as JSON that Jaeger draws as a tree."""
    return {semconv.ATLAS_EVENT_PAYLOAD: text} if parts.capture.content else {}

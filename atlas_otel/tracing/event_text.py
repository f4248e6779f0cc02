"""What an event record says: its payload as JSON text, and what of it OTel backends are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from atlas_otel import semconv
from atlas_otel.capture.value_forms import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_otel.records.record import AttributeValue
    from atlas_otel.tracing import state


def event_payload(parts: state.Instrumentation, name: str, payload: Mapping[str, Any]) -> str:
    """A payload as JSON text; with content capture off, only what is no content."""
    captured = parts.capture.value(payload, name)
    if captured is not None:
        return captured.json
    from atlas_otel.capture.privacy import event_skeleton

    return str(orjson.dumps(event_skeleton(name, payload)), "utf-8")


def event_shown(
    parts: state.Instrumentation, text: str, facts: Mapping[str, AttributeValue]
) -> dict[str, AttributeValue]:
    """What OTel backends see of an event: facts, and its payload ``text`` as JSON that Jaeger draws as a tree.

    A name among the facts is shown as the payload has it, redacted, or not at all.
    """
    shown = dict(facts)
    for key in _NAMES & shown.keys():
        name = orjson.loads(text).get("name") if parts.capture.redacts else clean(str(shown[key]))
        if isinstance(name, str):
            shown[key] = name
        else:
            del shown[key]
    if parts.capture.content:
        shown[semconv.ATLAS_EVENT_PAYLOAD] = text
    return shown


_NAMES: Final = frozenset({semconv.ATLAS_NAME, semconv.GEN_AI_EVALUATION_NAME})

"""A pushed step as JSON text, redacted and whole, and its payload for who makes a span of it.

Steps are mostly plain: then each value is encoded once, and its text goes into the step's and the span's attributes.
All else (a redactor, objects, other payload classes) takes the careful way over pydantic and ``capture``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from atlas_otel import semconv
from atlas_otel.capture.capture import holds_nul
from atlas_otel.models.intermediate_step import IntermediateStepPayload, StreamEventData, TraceMetadata, UsageInfo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_otel.capture.capture import Capture
    from atlas_otel.models.json_types import JsonObject

_MODELS: Final = frozenset({TraceMetadata, UsageInfo})
_SELDOM: Final = ("tags", "metadata", "usage_info")
_NATIVE: Final = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS


class CapturedStep(NamedTuple):
    """``text``: the step, whole. ``payload``: its payload as normalised. ``texts``: JSON of the fields of its ``data``,
    where it was made already."""

    text: str
    payload: JsonObject
    texts: Mapping[str, str]


def capture_step(
    capture: Capture, parent_id: str, ancestry: Mapping[str, object], payload: IntermediateStepPayload
) -> CapturedStep:
    """The step that ``payload`` is in its place. Pushed payloads are not bounded."""
    if not capture.redacts:
        try:
            if (plain := _plain(capture, parent_id, ancestry, payload)) is not None:
                return plain
        except Exception:  # noqa: S110 — it holds what orjson refuses: the careful way has an answer
            pass
    return _careful(capture, parent_id, ancestry, payload)


def _plain(
    capture: Capture, parent_id: str, ancestry: Mapping[str, object], payload: IntermediateStepPayload
) -> CapturedStep | None:
    """None where a part is not plain. May raise."""
    if type(payload) is not IntermediateStepPayload or payload.__pydantic_extra__:
        return None
    fields: dict[str, Any] = {**payload.__dict__, "event_type": payload.event_type._value_}
    written = dict(fields)
    texts: dict[str, str] = {}
    data = fields["data"]
    if data is not None:
        if type(data) is not StreamEventData or data.__pydantic_extra__:
            return None
        fields["data"] = given = data.__dict__
        written["data"] = shown = dict(given)
        for name, value in given.items():
            if value is not None:
                if (text := capture.plain(value)) is None:
                    return None
                texts[name] = text.decode()
                shown[name] = orjson.Fragment(text)
    for name in _SELDOM:
        value = fields[name]
        if value is not None:
            if type(value) in _MODELS:
                fields[name] = value = {**value.__dict__, **(value.__pydantic_extra__ or {})}
            if (text := capture.plain(value)) is None:
                return None
            written[name] = orjson.Fragment(text)
    step = {"parent_id": parent_id, "function_ancestry": ancestry, "payload": written}
    whole = orjson.dumps(step, option=_NATIVE)
    return None if holds_nul(whole) else CapturedStep(whole.decode(), fields, texts)


def _careful(
    capture: Capture, parent_id: str, ancestry: Mapping[str, object], payload: IntermediateStepPayload
) -> CapturedStep:
    fields = payload.model_dump(mode="python")
    fields["event_type"] = payload.event_type.value
    step = {"parent_id": parent_id, "function_ancestry": ancestry, "payload": fields}
    captured = capture.unbounded(step, semconv.EVENT_INTERMEDIATE_STEP)
    if captured is not None:
        text = captured.json
    else:
        from atlas_otel.capture.privacy import event_skeleton

        text = orjson.dumps(event_skeleton(semconv.EVENT_INTERMEDIATE_STEP, step)).decode()
    value = orjson.loads(text).get("payload")
    return CapturedStep(text, value if isinstance(value, dict) else {}, {})

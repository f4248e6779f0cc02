"""One JSON document that holds traces, in whichever of the known forms → records. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel.errors import RecordError
from atlas_otel.otlp.atif import decode_atif, is_atif
from atlas_otel.otlp.console import decode_console, is_console_span
from atlas_otel.otlp.jaeger import decode_jaeger
from atlas_otel.otlp.json import decode_tree
from atlas_otel.otlp.langfuse import decode_langfuse, is_langfuse_observation, is_langfuse_trace
from atlas_otel.otlp.logs import decode_logs_tree
from atlas_otel.otlp.mlflow import decode_mlflow, is_mlflow_trace
from atlas_otel.otlp.phoenix import decode_phoenix, is_phoenix_span
from atlas_otel.otlp.spans import Decoded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from atlas_otel.capture.capture import Capture

_OTHER_SIGNALS: Final = ("resourceMetrics", "resourceProfiles", "scopeMetrics", "scopeProfiles")
_NOTHING: Final = Decoded([], 0, 0, ())
_ITEMS: Final[
    tuple[tuple[Callable[[Mapping[str, Any]], bool], Callable[[Iterable[object], Capture], Decoded]], ...]
] = (
    (is_phoenix_span, decode_phoenix),
    (is_console_span, decode_console),
    (is_mlflow_trace, decode_mlflow),
    (is_atif, decode_atif),
    (is_langfuse_trace, decode_langfuse),
    (is_langfuse_observation, decode_langfuse),
)
"""Forms of one span or trace, of which a document is one or a list."""


def decode_document(tree: object, capture: Capture) -> Decoded:
    """Traces, and logs of model calls, as OTLP (a line of the Collector's file exporter, an answer of ``/api/v3``, or
    one bare ``ResourceSpans``), in Jaeger's own form, as the console exporter prints them, or as Phoenix, Langfuse and
    MLflow export them, and trajectories (ATIF); one document, or a list of them.

    Metrics hold neither. Raises RecordError for what is none of these.
    """
    if isinstance(tree, list):
        return _decode_list(tree, capture)
    if isinstance(tree, dict):
        if decoded := _decode_otlp(tree, capture):
            return decoded
        if isinstance(tree.get("result"), dict):
            return decode_document(tree["result"], capture)
        for is_one, decode in _ITEMS:
            if is_one(tree):
                return decode([tree], capture)
        if isinstance(tree.get("data"), list):
            return _decode_data(tree["data"], capture)
        if isinstance(tree.get("spans"), list):
            return _decode_data([tree], capture)
        if not tree or any(signal in tree for signal in _OTHER_SIGNALS):
            return _NOTHING
    raise RecordError("neither OTLP nor a form that is read (Jaeger, console, Phoenix, Langfuse, MLflow, ATIF)")


def _decode_otlp(tree: Mapping[str, Any], capture: Capture) -> Decoded | None:
    """OTLP's signals, which may stand in one document; None where it holds none."""
    if "scopeSpans" in tree or "instrumentationLibrarySpans" in tree:
        tree = {"resourceSpans": [tree]}
    elif "scopeLogs" in tree:
        tree = {"resourceLogs": [tree]}
    found = None
    if "resourceSpans" in tree:
        found = decode_tree(tree, capture)
    if "resourceLogs" in tree:
        logs = decode_logs_tree(tree, capture)
        found = logs if found is None else joined([found, logs])
    return found


def _decode_data(items: list[Any], capture: Capture) -> Decoded:
    """A list under ``data``: Jaeger's traces, unless it holds items of another form."""
    first = next((item for item in items if isinstance(item, dict)), None)
    if first is not None and any(is_one(first) for is_one, _ in _ITEMS):
        return _decode_list(items, capture)
    return decode_jaeger(items, capture)


def _decode_list(items: list[Any], capture: Capture) -> Decoded:
    """Items of one form are read together; else each is a document."""
    for is_one, decode in _ITEMS:
        if items and all(isinstance(item, dict) and is_one(item) for item in items):
            return decode(items, capture)
    return joined([_decode_item(item, capture) for item in items])


def _decode_item(item: object, capture: Capture) -> Decoded:
    if not isinstance(item, dict):
        raise RecordError("a list of something other than spans")
    return decode_document(item, capture)


def joined(parts: Iterable[Decoded]) -> Decoded:
    """Several as one."""
    all_parts = list(parts)
    return Decoded(
        [record for part in all_parts for record in part.records],
        sum(part.spans for part in all_parts),
        sum(part.refused for part in all_parts),
        tuple(dict.fromkeys(reason for part in all_parts for reason in part.reasons)),
    )

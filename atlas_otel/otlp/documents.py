"""One JSON document that holds traces, in whichever of the known forms → records. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atlas_otel.errors import RecordError
from atlas_otel.otlp.jaeger import decode_jaeger
from atlas_otel.otlp.json import decode_tree
from atlas_otel.otlp.spans import Decoded

if TYPE_CHECKING:
    from atlas_otel.capture.capture import Capture

_OTHER_SIGNALS: Final = ("resourceLogs", "resourceMetrics", "resourceProfiles")
_NOTHING: Final = Decoded([], 0, 0, ())


def decode_document(tree: object, capture: Capture) -> Decoded:
    """OTLP (a line of the Collector's file exporter, an answer of ``/api/v3``), or Jaeger's own form.

    Logs and metrics hold no spans. Raises RecordError for what is none of these.
    """
    if isinstance(tree, dict):
        if "resourceSpans" in tree:
            return decode_tree(tree, capture)
        if isinstance(tree.get("result"), dict):
            return decode_document(tree["result"], capture)
        if isinstance(tree.get("data"), list):
            return decode_jaeger(tree["data"], capture)
        if isinstance(tree.get("spans"), list):
            return decode_jaeger([tree], capture)
        if not tree or any(signal in tree for signal in _OTHER_SIGNALS):
            return _NOTHING
    raise RecordError("neither OTLP nor Jaeger's JSON")

"""JSON text as the exporters read and write it: :mod:`atlas_otel.records.exact_json`."""

from atlas_otel.records.exact_json import dump, load, load_object

__all__ = ["dump", "load", "load_object"]

"""OpenTelemetry's side: our provider, processors and exporters, and the spans of other instrumentations.

From outside: the entry points in ``pyproject.toml`` and what ``pipeline`` puts together.
"""

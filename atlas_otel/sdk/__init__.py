"""OpenTelemetry's side: our provider, processors and exporters, and the spans of other instrumentations.

From outside: the entry points named in ``pyproject.toml``, and what ``pipeline`` puts together: ``own_provider``,
``processor``, ``redacting_processor`` and ``otlp_sender``.
"""

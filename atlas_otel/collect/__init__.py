"""``atlas-otel collect`` takes OTLP over HTTP into the record, and ``atlas-otel import`` takes it from files.

From outside: ``command.collect``, ``importing.Importer`` and ``options.CollectOptions``.
"""

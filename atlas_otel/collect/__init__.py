"""OTLP in, over HTTP: ``atlas-otel collect``."""

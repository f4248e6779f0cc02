"""Spans as OTLP and Jaeger write them → records. Pure."""

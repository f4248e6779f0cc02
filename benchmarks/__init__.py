"""Benchmarks: what atlas-otel costs, as ratios to what stands beside it. ``python -m benchmarks --help``."""

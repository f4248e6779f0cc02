"""atlas-otel: record an agent's run once, as OpenTelemetry spans."""

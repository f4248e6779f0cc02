SELECT key, id FROM atlas_otel.sessions WHERE key ^@ %(name)s ORDER BY key LIMIT 5

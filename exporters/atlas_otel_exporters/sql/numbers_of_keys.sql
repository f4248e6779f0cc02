SELECT key, id FROM atlas_otel.sessions WHERE key = ANY (%(keys)s::text[]) AND id IS NOT NULL

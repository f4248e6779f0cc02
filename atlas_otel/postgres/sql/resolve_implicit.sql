UPDATE atlas_otel.sessions SET implicit = TRUE WHERE key = ANY (%(keys)s::text[]) AND NOT implicit

SELECT id, key FROM atlas_otel.sessions WHERE id = ANY (%(ids)s::bigint[])

SELECT session_id, status, notes FROM atlas_otel.reviews WHERE session_id = ANY (%(ids)s::bigint[])

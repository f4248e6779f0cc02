SELECT key, lake, spans, events, digest, first_ns, last_ns, row_id, archived_at, dropped
FROM atlas_otel.archived
WHERE archived_at IS NOT NULL
    AND (key = ANY (%(names)s::text[]) OR row_id = ANY (%(numbers)s::bigint[])
        OR key IN (SELECT session_key FROM atlas_otel.archived_traces WHERE trace_id = ANY (%(names)s::text[])))
ORDER BY key

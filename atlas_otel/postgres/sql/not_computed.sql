-- Sessions whose rows cannot be computed from their records, newest first: all, or those of these keys or traces.
SELECT id, key, projection_error, last_activity
FROM atlas_otel.sessions
WHERE projection_error IS NOT NULL
    AND (%(keys)s::text[] IS NULL OR key = ANY (%(keys)s::text[]))
    AND (
        %(traces)s::text[] IS NULL
        OR key IN (SELECT session_key FROM atlas_otel.spans WHERE trace_id = ANY (%(traces)s::text[]))
    )
ORDER BY last_activity DESC, key

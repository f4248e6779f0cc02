-- The sessions of a trace, or of a span. No index leads by span id alone: that one is a scan.
SELECT key, id FROM atlas_otel.sessions
WHERE key IN (
    SELECT session_key FROM atlas_otel.spans
    WHERE (trace_id = %(name)s OR (length(%(name)s) = 16 AND span_id = %(name)s)) AND session_key IS NOT NULL
)
ORDER BY key
LIMIT 5

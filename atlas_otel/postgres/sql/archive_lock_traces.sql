SELECT trace_id FROM atlas_otel.traces
WHERE trace_id IN (SELECT trace_id FROM atlas_otel.archived_traces WHERE session_key = %(key)s)
    AND (NOT watched OR revision <= resolved_revision)
ORDER BY trace_id
FOR UPDATE SKIP LOCKED

INSERT INTO atlas_otel.span_events (trace_id, span_id, sequence, session_key, name, payload, revision)
SELECT
    trace_id, span_id, sequence, session_key, name, payload, revision
FROM span_events_in
ON CONFLICT (trace_id, span_id, sequence) DO NOTHING

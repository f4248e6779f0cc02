-- Events that name no session.
SELECT trace_id, span_id, sequence, session_key
FROM atlas_otel.span_events
WHERE trace_id = ANY (%(ids)s::text[]) AND (resolved OR session_key IS NULL)

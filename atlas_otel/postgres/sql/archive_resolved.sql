-- Which records of these sessions do not name them: they were found through their trace.
SELECT trace_id, span_id, NULL::bigint FROM atlas_otel.spans
WHERE session_key = ANY (%(keys)s::text[]) AND resolved
UNION ALL
SELECT trace_id, span_id, sequence FROM atlas_otel.span_events
WHERE session_key = ANY (%(keys)s::text[]) AND resolved

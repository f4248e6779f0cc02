SELECT
    trace_id, span_id, parent_span_id, CASE WHEN resolved THEN NULL ELSE session_key END AS named, session_key,
    coalesce(kind = 'reward', FALSE) AS reward
FROM atlas_otel.spans
WHERE trace_id = ANY (%(ids)s::text[])

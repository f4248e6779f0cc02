-- The traces of these sessions in which no other session has a span, here or in a lake.
SELECT DISTINCT mine.trace_id
FROM (
    SELECT trace_id FROM atlas_otel.spans WHERE session_key = ANY (%(keys)s::text[])
    UNION
    SELECT trace_id FROM atlas_otel.archived_traces WHERE session_key = ANY (%(keys)s::text[])
) AS mine
WHERE NOT EXISTS (
    SELECT FROM atlas_otel.spans AS other
    WHERE other.trace_id = mine.trace_id AND other.session_key <> ALL (%(keys)s::text[])
) AND NOT EXISTS (
    SELECT FROM atlas_otel.archived_traces AS other
    WHERE other.trace_id = mine.trace_id AND other.session_key <> ALL (%(keys)s::text[])
)

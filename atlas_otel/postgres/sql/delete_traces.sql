-- The traces of these sessions in which no other session has a span.
SELECT DISTINCT mine.trace_id
FROM atlas_otel.spans AS mine
WHERE mine.session_key = ANY (%(keys)s::text[]) AND NOT EXISTS (
    SELECT FROM atlas_otel.spans AS other
    WHERE other.trace_id = mine.trace_id AND other.session_key <> ALL (%(keys)s::text[])
)

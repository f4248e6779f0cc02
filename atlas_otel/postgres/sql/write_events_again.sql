-- The join of span_record.merge_events, for events that were stored before. A key that was found through the trace
-- (resolved) gives way to one that a record names.
WITH compared AS MATERIALIZED (
    SELECT
        held.trace_id, held.span_id, held.sequence, held.session_key AS held_key,
        coalesce(
            greatest(CASE WHEN held.resolved IS NOT TRUE THEN held.session_key END, batch.session_key), held.session_key
        ) AS joined_key,
        CASE WHEN batch.session_key IS NULL THEN held.resolved END AS resolved,
        (batch.name, batch.payload::text COLLATE "C") > (held.name, held.payload::text COLLATE "C") AS better
    FROM span_events_in AS batch
    JOIN atlas_otel.span_events AS held USING (trace_id, span_id, sequence)
    WHERE (batch.name, batch.payload::text COLLATE "C") > (held.name, held.payload::text COLLATE "C")
        OR (held.resolved AND batch.session_key IS NOT NULL)
        OR greatest(held.session_key, batch.session_key) IS DISTINCT FROM held.session_key
    ORDER BY held.trace_id, held.span_id, held.sequence
    FOR UPDATE OF held
),
changed AS (
    UPDATE atlas_otel.span_events AS held
    SET name = CASE WHEN compared.better THEN batch.name ELSE held.name END,
        payload = CASE WHEN compared.better THEN batch.payload ELSE held.payload END,
        session_key = compared.joined_key, resolved = compared.resolved,
        revision = (SELECT revision FROM atlas_otel.sessions WHERE key = compared.joined_key)
    FROM compared
    JOIN span_events_in AS batch USING (trace_id, span_id, sequence)
    WHERE held.trace_id = compared.trace_id AND held.span_id = compared.span_id
        AND held.sequence = compared.sequence
)
SELECT DISTINCT held_key FROM compared WHERE held_key IS NOT NULL AND NOT held_key = ANY (%(keys)s::text[])

-- The join of span_record.merge_events, for events that were stored before.
WITH compared AS MATERIALIZED (
    SELECT
        held.trace_id, held.span_id, held.sequence, held.session_key AS held_key,
        greatest(held.session_key, batch.session_key) AS joined_key,
        (batch.name, batch.payload::text COLLATE "C") > (held.name, held.payload::text COLLATE "C") AS better
    FROM span_events_in AS batch
    JOIN atlas_otel.span_events AS held USING (trace_id, span_id, sequence)
    WHERE (batch.name, batch.payload::text COLLATE "C") > (held.name, held.payload::text COLLATE "C")
        OR greatest(held.session_key, batch.session_key) IS DISTINCT FROM held.session_key
    ORDER BY held.trace_id, held.span_id, held.sequence
    FOR UPDATE OF held
),
changed AS (
    UPDATE atlas_otel.span_events AS held
    SET name = CASE WHEN compared.better THEN batch.name ELSE held.name END,
        payload = CASE WHEN compared.better THEN batch.payload ELSE held.payload END,
        session_key = compared.joined_key,
        revision = (SELECT revision FROM atlas_otel.sessions WHERE key = compared.joined_key)
    FROM compared
    JOIN span_events_in AS batch USING (trace_id, span_id, sequence)
    WHERE held.trace_id = compared.trace_id AND held.span_id = compared.span_id
        AND held.sequence = compared.sequence
)
SELECT DISTINCT held_key FROM compared WHERE held_key IS NOT NULL AND NOT held_key = ANY (%(keys)s::text[])

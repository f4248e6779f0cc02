-- The join of span_record.merge_spans, for spans that were stored before: the better of two records by rank, then
-- version, then content; and of two session keys the larger. Returns the sessions whose records this changed
-- although the batch did not name them for it. A key that was found through the trace (resolved) gives way to one that
-- a record names.
WITH compared AS MATERIALIZED (
    SELECT
        held.trace_id, held.span_id, held.session_key AS held_key,
        coalesce(
            greatest(CASE WHEN held.resolved IS NOT TRUE THEN held.session_key END, batch.session_key), held.session_key
        ) AS joined_key,
        CASE WHEN batch.session_key IS NULL THEN held.resolved END AS resolved,
        ranked.better
    FROM spans_in AS batch
    JOIN atlas_otel.spans AS held USING (trace_id, span_id)
    CROSS JOIN LATERAL (
        -- From left to right, as far as is needed: that is rank and version, but for a record that came twice.
        SELECT (
            batch.rank, batch.version,
            batch.span_kind, batch.status, batch.start_ns, batch.end_ns IS NOT NULL, coalesce(batch.end_ns, 0),
            batch.dropped_attributes, batch.dropped_events, batch.dropped_links,
            batch.name COLLATE "C", batch.scope COLLATE "C",
            batch.parent_span_id IS NOT NULL, coalesce(batch.parent_span_id, ''),
            batch.kind IS NOT NULL, coalesce(batch.kind, '') COLLATE "C",
            batch.status_message IS NOT NULL, coalesce(batch.status_message, '') COLLATE "C",
            batch.resource_hash, batch.attributes::text COLLATE "C",
            coalesce(batch.events::text, '[]') COLLATE "C", coalesce(batch.links::text, '[]') COLLATE "C"
        ) > (
            held.rank, held.version,
            held.span_kind, held.status, held.start_ns, held.end_ns IS NOT NULL, coalesce(held.end_ns, 0),
            held.dropped_attributes, held.dropped_events, held.dropped_links,
            held.name COLLATE "C", held.scope COLLATE "C",
            held.parent_span_id IS NOT NULL, coalesce(held.parent_span_id, ''),
            held.kind IS NOT NULL, coalesce(held.kind, '') COLLATE "C",
            held.status_message IS NOT NULL, coalesce(held.status_message, '') COLLATE "C",
            held.resource_hash, held.attributes::text COLLATE "C",
            coalesce(held.events::text, '[]') COLLATE "C", coalesce(held.links::text, '[]') COLLATE "C"
        ) AS better
    ) AS ranked
    WHERE ranked.better
        OR (held.resolved AND batch.session_key IS NOT NULL)
        OR greatest(held.session_key, batch.session_key) IS DISTINCT FROM held.session_key
    ORDER BY held.trace_id, held.span_id
    FOR UPDATE OF held
),
replaced AS (
    UPDATE atlas_otel.spans AS held
    SET span_kind = batch.span_kind, status = batch.status, rank = batch.rank, start_ns = batch.start_ns,
        version = batch.version, dropped_attributes = batch.dropped_attributes,
        dropped_events = batch.dropped_events, dropped_links = batch.dropped_links,
        resource_hash = batch.resource_hash,
        parent_span_id = batch.parent_span_id, session_key = compared.joined_key,
        resolved = compared.resolved, name = batch.name,
        kind = batch.kind, end_ns = batch.end_ns, status_message = batch.status_message, scope = batch.scope,
        attributes = batch.attributes, events = batch.events, links = batch.links,
        revision = (SELECT revision FROM atlas_otel.sessions WHERE key = compared.joined_key)
    FROM compared
    JOIN spans_in AS batch USING (trace_id, span_id)
    WHERE compared.better AND held.trace_id = compared.trace_id AND held.span_id = compared.span_id
),
named AS (
    UPDATE atlas_otel.spans AS held
    SET session_key = compared.joined_key, resolved = compared.resolved,
        revision = (SELECT revision FROM atlas_otel.sessions WHERE key = compared.joined_key)
    FROM compared
    WHERE NOT compared.better AND held.trace_id = compared.trace_id AND held.span_id = compared.span_id
)
SELECT DISTINCT held_key FROM compared WHERE held_key IS NOT NULL AND NOT held_key = ANY (%(keys)s::text[])

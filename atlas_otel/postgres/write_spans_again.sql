-- The join of span_record.merge_spans, for spans that were stored before: the better of two records by rank, then
-- version, then content hash; and of two session keys the larger. Returns the sessions whose records this changed
-- although the batch did not name them for it. A key that was found through the trace (resolved) gives way to one that
-- a record names.
WITH compared AS MATERIALIZED (
    SELECT
        held.trace_id, held.span_id, held.session_key AS held_key,
        coalesce(
            greatest(CASE WHEN held.resolved IS NOT TRUE THEN held.session_key END, batch.session_key), held.session_key
        ) AS joined_key,
        CASE WHEN batch.session_key IS NULL THEN held.resolved END AS resolved,
        (batch.rank, batch.version, batch.content_hash) > (held.rank, held.version, held.content_hash) AS better
    FROM spans_in AS batch
    JOIN atlas_otel.spans AS held USING (trace_id, span_id)
    WHERE (batch.rank, batch.version, batch.content_hash) > (held.rank, held.version, held.content_hash)
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
        content_hash = batch.content_hash, resource_hash = batch.resource_hash,
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

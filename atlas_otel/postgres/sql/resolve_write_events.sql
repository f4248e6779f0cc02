UPDATE atlas_otel.span_events AS held
SET session_key = found.key, resolved = CASE WHEN found.key IS NOT NULL THEN TRUE END, revision = owner.revision
FROM unnest(%(traces)s::text[], %(spans)s::text[], %(sequences)s::bigint[], %(keys)s::text[])
    AS found (trace_id, span_id, sequence, key)
LEFT JOIN atlas_otel.sessions AS owner ON owner.key = found.key COLLATE "C"
WHERE held.trace_id = found.trace_id AND held.span_id = found.span_id AND held.sequence = found.sequence
    AND (held.resolved OR held.session_key IS NULL)

-- Sessions that a batch changed without naming them: a record of theirs was bettered by one without a session, or went
-- over to another session. Records that stay get their session's new revision. Since one may have gone, the session is
-- computed again from all its records, not from those that came since.
WITH reset AS (
    UPDATE atlas_otel.sessions SET projected_revision = 0 WHERE key = ANY (%(keys)s::text[])
),
spans AS (
    UPDATE atlas_otel.spans AS held
    SET revision = owner.revision
    FROM spans_in AS batch, atlas_otel.sessions AS owner
    WHERE held.trace_id = batch.trace_id AND held.span_id = batch.span_id
        AND owner.key = held.session_key AND owner.key = ANY (%(keys)s::text[])
)
UPDATE atlas_otel.span_events AS held
SET revision = owner.revision
FROM span_events_in AS batch, atlas_otel.sessions AS owner
WHERE held.trace_id = batch.trace_id AND held.span_id = batch.span_id AND held.sequence = batch.sequence
    AND owner.key = held.session_key AND owner.key = ANY (%(keys)s::text[])

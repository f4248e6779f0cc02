-- Records of the batch that stand in a session which the batch did not name: they get that session's new revision.
WITH spans AS (
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

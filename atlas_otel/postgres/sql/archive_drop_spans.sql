-- Up to the revision that was copied: what came later is still to go to the lake.
WITH batch AS (
    SELECT trace_id, span_id FROM atlas_otel.spans
    WHERE session_key = %(key)s AND revision <= %(revision)s
    LIMIT %(limit)s
),
late AS (
    DELETE FROM atlas_otel.late_rewards AS late USING batch
    WHERE late.trace_id = batch.trace_id AND late.span_id = batch.span_id
)
DELETE FROM atlas_otel.spans AS gone USING batch
WHERE gone.trace_id = batch.trace_id AND gone.span_id = batch.span_id AND gone.revision <= %(revision)s

WITH batch AS (
    SELECT trace_id, span_id, sequence FROM atlas_otel.span_events
    WHERE session_key = %(key)s AND revision <= %(revision)s
    LIMIT %(limit)s
)
DELETE FROM atlas_otel.span_events AS gone USING batch
WHERE gone.trace_id = batch.trace_id AND gone.span_id = batch.span_id AND gone.sequence = batch.sequence
    AND gone.revision <= %(revision)s

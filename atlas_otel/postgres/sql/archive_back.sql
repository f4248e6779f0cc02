-- Their records are here again: computed as any other's.
WITH traces AS (DELETE FROM atlas_otel.archived_traces WHERE session_key = ANY (%(keys)s::text[]) RETURNING trace_id),
watched AS (
    UPDATE atlas_otel.traces SET resolved_revision = 0 WHERE watched AND trace_id IN (SELECT trace_id FROM traces)
)
UPDATE atlas_otel.archived
SET archived_at = NULL, dropped = FALSE, drop_rows = FALSE, late = %(late)s
WHERE key = ANY (%(keys)s::text[])

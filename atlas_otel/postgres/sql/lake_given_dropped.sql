-- The same of sessions whose rows went when they were archived; the ids of their events are gone.
SELECT key, row_id, '{}'::bigint[], review_status, review_notes FROM atlas_otel.archived WHERE row_id IS NOT NULL

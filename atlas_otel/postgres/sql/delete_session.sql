-- The rest: the row with its steps, our own, and the tombstone's work.
WITH ours AS (DELETE FROM atlas_otel.sessions WHERE key = %(key)s RETURNING id),
trajectory AS (
    DELETE FROM atlas_otel.trajectory
    WHERE session_id IN (SELECT id FROM atlas_otel.sessions WHERE key = %(key)s)
),
done AS (UPDATE atlas_otel.tombstones SET done = TRUE, row_id = NULL WHERE (kind, id) = ('session', %(key)s))
DELETE FROM public.sessions
WHERE id = %(id)s::bigint OR (%(id)s::bigint IS NOT NULL AND id IN (SELECT id FROM ours))

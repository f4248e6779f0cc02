-- Locks in the order of the keys, as writers of records do. A write that came meanwhile leaves its session dirty.
WITH done AS (
    SELECT * FROM unnest(
        %(keys)s::text[], %(ids)s::integer[], %(revisions)s::bigint[], %(changed)s::boolean[], %(errors)s::text[]
    ) AS done (key, id, revision, changed, error)
),
locked AS MATERIALIZED (
    SELECT key FROM atlas_otel.sessions WHERE key IN (SELECT key COLLATE "C" FROM done) ORDER BY key FOR UPDATE
)
UPDATE atlas_otel.sessions AS held
SET id = coalesce(done.id, held.id), projected_revision = done.revision, projection_error = done.error,
    changed_revision = CASE WHEN done.changed THEN done.revision ELSE held.changed_revision END
FROM done
JOIN locked ON locked.key = done.key COLLATE "C"
WHERE held.key = locked.key

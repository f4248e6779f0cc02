-- Locks in the order of the keys, as writers of records do. A write that came meanwhile leaves its session dirty.
WITH done AS (
    SELECT * FROM unnest(
        %(keys)s::text[], %(ids)s::bigint[], %(revisions)s::bigint[], %(since)s::bigint[], %(changed)s::boolean[],
        %(errors)s::text[], %(settled)s::boolean[], %(waits)s::float[]
    ) AS done (key, id, revision, since, changed, error, settled, wait_s)
),
locked AS MATERIALIZED (
    SELECT key FROM atlas_otel.sessions WHERE key IN (SELECT key COLLATE "C" FROM done) ORDER BY key FOR UPDATE
)
UPDATE atlas_otel.sessions AS held
SET id = coalesce(done.id, held.id), projection_error = done.error,
    -- Lower than it was when the session was picked: somebody asked meanwhile that it be computed again.
    projected_revision = CASE
        WHEN held.projected_revision < done.since THEN held.projected_revision ELSE done.revision
    END,
    settled = held.settled OR done.settled, settles_at = now() + make_interval(secs => done.wait_s),
    changed_revision = CASE WHEN done.changed THEN done.revision ELSE held.changed_revision END
FROM done
JOIN locked ON locked.key = done.key COLLATE "C"
WHERE held.key = locked.key

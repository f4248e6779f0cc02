-- The sessions, locked as their writers lock them; those that changed since they were read are not among them.
SELECT held.key
FROM atlas_otel.sessions AS held
JOIN unnest(%(keys)s::text[], %(revisions)s::bigint[]) AS was (key, revision) ON was.key = held.key COLLATE "C"
WHERE held.revision = was.revision AND held.revision <= held.projected_revision
ORDER BY held.key
FOR UPDATE OF held

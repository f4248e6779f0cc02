-- Read again under the locks: another process may have projected them while they were being picked.
SELECT key, id, revision, projected_revision
FROM atlas_otel.sessions
WHERE key = ANY (%(keys)s) AND revision > projected_revision
ORDER BY key

-- Read again under the locks: another process may have projected them while they were being picked.
SELECT key, id, revision, projected_revision, settled, extract(epoch FROM now() - last_activity)::float AS idle_s
FROM atlas_otel.sessions
WHERE key = ANY (%(keys)s) AND (revision > projected_revision OR settles_at <= now())
ORDER BY key

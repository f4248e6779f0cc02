-- settles_at: it reads as running until then, whatever its records come to.
SELECT key, revision > projected_revision OR settles_at IS NOT NULL, projection_error
FROM atlas_otel.sessions
WHERE key = ANY (%(keys)s)

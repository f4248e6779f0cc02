-- settles_at: it reads as running until then, whatever its records come to.
SELECT
    key,
    (revision > projected_revision OR settles_at IS NOT NULL) AND NOT archived,
    projection_error,
    archived
FROM atlas_otel.sessions
CROSS JOIN LATERAL (
    SELECT EXISTS (SELECT FROM atlas_otel.archived AS gone WHERE gone.key = sessions.key AND archived_at IS NOT NULL)
) AS lake (archived)
WHERE key = ANY (%(keys)s)

-- Of these sessions: those behind their records, those that wait for quiet, and those that could not be computed.
SELECT key, revision > projected_revision, projection_error
FROM atlas_otel.sessions
WHERE key = ANY (%(keys)s::text[])
    AND NOT EXISTS (SELECT FROM atlas_otel.archived AS gone WHERE gone.key = sessions.key AND archived_at IS NOT NULL)
    AND (revision > projected_revision OR settles_at IS NOT NULL OR projection_error IS NOT NULL)

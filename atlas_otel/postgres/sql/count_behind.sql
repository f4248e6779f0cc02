-- How many sessions' rows do not hold what was stored up to this revision.
SELECT count(*) FROM atlas_otel.sessions
WHERE revision > projected_revision AND projected_revision < %(upto)s
    AND NOT EXISTS (SELECT FROM atlas_otel.archived AS gone WHERE gone.key = sessions.key AND archived_at IS NOT NULL)

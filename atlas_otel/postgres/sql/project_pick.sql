-- The sessions that have waited longest, then those that have been quiet for long enough, each under a lock of its own
-- that lasts as long as the transaction; of all, or of those whose keys are given. Those that another process is
-- projecting are passed over, however many they are: candidates are looked at one by one until enough are locked. The
-- lock is not the row's, which writers of records need. Of a session whose records are in a lake, what came late is not
-- enough to compute it: it waits for the archive.
SELECT key
FROM (
    SELECT key
    FROM (
        SELECT key FROM atlas_otel.sessions
        WHERE revision > projected_revision AND (%(keys)s::text[] IS NULL OR key = ANY (%(keys)s::text[]))
            AND NOT EXISTS (SELECT FROM atlas_otel.archived AS gone WHERE gone.key = sessions.key AND archived_at IS NOT NULL)
        ORDER BY revision
    ) AS dirty
    UNION ALL
    SELECT key
    FROM (
        SELECT key FROM atlas_otel.sessions
        WHERE settles_at <= now() AND revision <= projected_revision
            AND (%(keys)s::text[] IS NULL OR key = ANY (%(keys)s::text[]))
            AND NOT EXISTS (SELECT FROM atlas_otel.archived AS gone WHERE gone.key = sessions.key AND archived_at IS NOT NULL)
        ORDER BY settles_at
    ) AS quiet
    OFFSET 0
) AS candidates
WHERE pg_try_advisory_xact_lock(1635019891, hashtext(key))
LIMIT %(limit)s

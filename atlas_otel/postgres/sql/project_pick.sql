-- The sessions that have waited longest, then those that have been quiet for long enough, each under a lock of its own
-- that lasts as long as the transaction. Those that another process is projecting are skipped. The lock is not the row's,
-- which writers of records need.
WITH candidates AS MATERIALIZED (
    (SELECT key FROM atlas_otel.sessions WHERE revision > projected_revision ORDER BY revision LIMIT %(limit)s)
    UNION ALL
    (
        SELECT key FROM atlas_otel.sessions
        WHERE settles_at <= now() AND revision <= projected_revision ORDER BY settles_at LIMIT %(limit)s
    )
    LIMIT %(limit)s
)
SELECT key FROM candidates WHERE pg_try_advisory_xact_lock(1635019891, hashtext(key))

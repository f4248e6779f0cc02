-- The sessions that have waited longest, each under a lock of its own that lasts as long as the transaction. Those
-- that another process is projecting are skipped. The lock is not the row's, which writers of records need.
WITH candidates AS MATERIALIZED (
    SELECT key FROM atlas_otel.sessions WHERE revision > projected_revision ORDER BY revision LIMIT %(limit)s
)
SELECT key FROM candidates WHERE pg_try_advisory_xact_lock(1635019891, hashtext(key))

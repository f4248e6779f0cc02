-- Who holds locks on the tables of the contract or on ours, or the lock of migrations, for longest.
SELECT format(
    'process %s (%s as %s, %s, in a transaction for %s s)', pid, coalesce(nullif(application_name, ''), 'no name'), usename,
    state, round(extract(epoch FROM now() - xact_start))
)
FROM pg_stat_activity AS activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND EXISTS (
    SELECT FROM pg_locks AS held
    WHERE held.pid = activity.pid AND held.granted AND (
        held.locktype = 'advisory' OR held.relation IN (
            SELECT oid FROM pg_class
            WHERE relkind IN ('r', 'p') AND relnamespace IN (to_regnamespace('public'), to_regnamespace('atlas_otel'))
        )
    )
)
ORDER BY xact_start NULLS LAST
LIMIT 3

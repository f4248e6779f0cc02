-- Who is connected, what that role may do that it need not, and which rights to write it lacks.
SELECT
    current_user,
    (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
    has_schema_privilege('atlas_otel', 'CREATE') OR has_schema_privilege('public', 'CREATE'),
    ARRAY(
        SELECT privilege || ' on ' || relation
        FROM (
            SELECT format('%I.%I', schemaname, tablename) AS relation, privilege
            FROM pg_tables, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE']) AS privilege
            WHERE (
                    schemaname = 'atlas_otel'
                    AND tablename NOT IN ('schema_migrations', 'poison', 'resources', 'tombstones', 'deletions', 'tokens', 'senders')
                    -- What only an archive writes.
                    AND tablename NOT IN ('archived', 'archived_traces')
                    -- What only reviewers write, and what the page can compute by itself.
                    AND tablename NOT LIKE 'review%'
                    AND tablename NOT IN ('session_facts', 'daily_numbers', 'days_to_fold', 'folded')
                )
                OR (schemaname, tablename) IN (
                    ('public', 'sessions'), ('public', 'plans'), ('public', 'step_results'),
                    ('public', 'step_attempts'), ('public', 'guidance_notes'), ('public', 'trajectory_events')
                )
            UNION ALL
            SELECT 'atlas_otel.' || tablename, 'SELECT'
            FROM unnest(ARRAY['tombstones', 'archived', 'archived_traces']) AS tablename
            UNION ALL
            SELECT 'atlas_otel.' || tablename, 'INSERT' FROM unnest(ARRAY['poison', 'resources']) AS tablename
        ) AS needed
        WHERE NOT has_table_privilege(relation, privilege)
        UNION ALL
        SELECT 'EXECUTE on ' || oid::regprocedure
        FROM pg_proc
        WHERE pronamespace = 'atlas_otel'::regnamespace AND NOT has_function_privilege(oid, 'EXECUTE')
        UNION ALL
        SELECT 'TEMPORARY on the database' WHERE NOT has_database_privilege(current_database(), 'TEMPORARY')
    )

-- The size of the tables whose ids, or references to ids, are of 32 bits.
SELECT coalesce(sum(pg_total_relation_size(narrow.relation)), 0)::bigint
FROM (
    SELECT DISTINCT attrelid AS relation FROM pg_attribute
    WHERE atttypid = 'int4'::regtype AND (attrelid, attname) IN (
        (to_regclass('public.sessions'), 'id'), (to_regclass('public.plans'), 'session_id'),
        (to_regclass('public.step_results'), 'session_id'), (to_regclass('public.step_attempts'), 'session_id'),
        (to_regclass('public.guidance_notes'), 'session_id'), (to_regclass('public.trajectory_events'), 'id'),
        (to_regclass('public.discovery_runs'), 'id'), (to_regclass('atlas_otel.sessions'), 'id'),
        (to_regclass('atlas_otel.trajectory'), 'session_id')
    )
) AS narrow

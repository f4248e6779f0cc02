-- How far the ids of the contract's tables have run, of what their column and their sequence hold.
SELECT format('%s.%s', attrelid::regclass, attname),
    coalesce(pg_sequence_last_value(owned), 0)::float
        / least(CASE atttypid WHEN 'int4'::regtype THEN 2147483647 ELSE 9223372036854775807 END, seqmax)
FROM pg_attribute
CROSS JOIN LATERAL (SELECT pg_get_serial_sequence(attrelid::regclass::text, attname)::regclass AS owned) AS serial
JOIN pg_sequence ON seqrelid = owned
WHERE (attrelid, attname) IN (
    (to_regclass('public.sessions'), 'id'), (to_regclass('public.trajectory_events'), 'id'),
    (to_regclass('public.discovery_runs'), 'id')
)
ORDER BY 2 DESC

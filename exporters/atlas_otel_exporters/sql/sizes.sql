-- How many events a session has and how many bytes its rows take on disk: what is read at once follows it.
-- pg_column_size looks at a row's head only, so nothing is decompressed here.
SELECT s.id,
       coalesce(e.events, 0)::bigint,
       (pg_column_size(s.*) + coalesce(e.bytes, 0) + coalesce(r.bytes, 0))::bigint
FROM sessions s
LEFT JOIN (
    SELECT session_id, count(*) AS events, sum(pg_column_size(event)) AS bytes
    FROM trajectory_events WHERE session_id = ANY (%(ids)s::int[]) GROUP BY session_id
) e ON e.session_id = s.id
LEFT JOIN (
    SELECT session_id,
           sum(coalesce(pg_column_size(trace), 0) + coalesce(pg_column_size(output), 0)
               + coalesce(pg_column_size(evaluation), 0) + coalesce(pg_column_size(metadata), 0)) AS bytes
    FROM step_results WHERE session_id = ANY (%(ids)s::int[]) GROUP BY session_id
) r ON r.session_id = s.id
WHERE s.id = ANY (%(ids)s::int[])

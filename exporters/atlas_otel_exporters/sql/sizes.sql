-- How many bytes a session's rows take on disk, but for its events: what is read at once follows it.
-- pg_column_size looks at a row's head only, so nothing is decompressed here.
-- LATERAL: each session by the index, also where the tables were never analysed; else some sessions are looked for
-- through the whole table, again for each page of them.
SELECT s.id, (pg_column_size(s.*) + coalesce(r.bytes, 0))::bigint
FROM sessions s
CROSS JOIN LATERAL (
    SELECT sum(coalesce(pg_column_size(trace), 0) + coalesce(pg_column_size(output), 0)
               + coalesce(pg_column_size(evaluation), 0) + coalesce(pg_column_size(metadata), 0)) AS bytes
    FROM step_results WHERE session_id = s.id
) r
WHERE s.id = ANY (%(ids)s::bigint[])

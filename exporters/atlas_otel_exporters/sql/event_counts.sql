-- How many events each session has. LATERAL: as in sizes.sql.
SELECT wanted.id, e.events
FROM unnest(%(ids)s::bigint[]) AS wanted (id)
CROSS JOIN LATERAL (SELECT count(*) AS events FROM trajectory_events WHERE session_id = wanted.id) e

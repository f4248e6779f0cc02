-- Within events.sql: only the newest of each session, as many as are asked for.
AND e.id IN (
    SELECT id FROM (
        SELECT id, row_number() OVER (PARTITION BY session_id ORDER BY id DESC) AS age
        FROM trajectory_events WHERE session_id = ANY (%(ids)s::int[])
    ) aged WHERE age <= %(event_limit)s
)

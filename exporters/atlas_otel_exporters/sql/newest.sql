-- Within events.sql: only the newest of each session, as many as are asked for.
AND e.id IN (
    SELECT id FROM trajectory_events WHERE session_id = wanted.id ORDER BY id DESC LIMIT %(event_limit)s
)

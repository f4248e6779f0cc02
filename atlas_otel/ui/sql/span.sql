-- The events of one span: by the UUID of its steps, or by its own id.
SELECT
    session_id, id, convert_to(event::text, 'UTF8'), created_at, event -> 'payload' ->> 'event_type',
    event -> 'payload' ->> 'name', event -> 'payload' -> 'metadata' ->> 'actor'
FROM public.trajectory_events
WHERE session_id = %(id)s
    AND (event -> 'payload' ->> 'UUID' = %(span)s OR event -> 'payload' -> 'metadata' ->> 'span_id' = %(span)s)
ORDER BY id

-- By which name exports know a model call of a session.
SELECT coalesce(event -> 'payload' -> 'metadata' ->> 'span_id', event -> 'payload' ->> 'UUID')
FROM public.trajectory_events
WHERE session_id = %(id)s AND event -> 'payload' ->> 'event_type' IN ('LLM_START', 'LLM_END')
    AND (event -> 'payload' ->> 'UUID' = %(span)s OR event -> 'payload' -> 'metadata' ->> 'span_id' = %(span)s)
LIMIT 1

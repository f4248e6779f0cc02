-- The spans of a session's attempts, by step and attempt; where the Atlas SDK wrote them, what the step was given says it.
SELECT
    coalesce(atlas_otel.number_of(said -> 'step_id'), atlas_otel.number_of(given -> 'step' -> 'id'))::int,
    coalesce(atlas_otel.number_of(said -> 'attempt'), atlas_otel.number_of(given -> 'attempt'), 1)::int,
    payload ->> 'UUID'
FROM (
    SELECT payload, payload -> 'metadata' AS said, payload -> 'data' -> 'input' AS given
    FROM (SELECT id, event -> 'payload' AS payload FROM public.trajectory_events WHERE session_id = %(id)s OFFSET 0) AS stored
    WHERE payload ->> 'event_type' = 'TASK_START'
) AS tasks

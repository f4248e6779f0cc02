-- What failed, in the order in which it ended: inner calls before those around them.
SELECT
    theirs.id AS session_id, ours.key AS session_key, stored.created_at,
    payload ->> 'event_type' AS event_type,
    coalesce(
        CASE WHEN payload ->> 'event_type' = 'TASK_END' THEN (
            SELECT step ->> 'description' FROM jsonb_array_elements(plans.plan -> 'steps') AS step
            WHERE step ->> 'id' = payload -> 'metadata' ->> 'step_id'
        ) END,
        payload ->> 'name', ''
    ) AS name,
    payload ->> 'UUID' AS uuid, stored.event ->> 'parent_id' AS parent,
    coalesce(payload -> 'metadata' -> 'error' ->> 'type', '') AS error_type,
    coalesce(payload -> 'metadata' -> 'error' ->> 'message', payload -> 'data' -> 'output' ->> 'error', '') AS message
FROM public.sessions AS theirs
JOIN public.trajectory_events AS stored ON stored.session_id = theirs.id
LEFT JOIN public.plans ON plans.session_id = theirs.id
LEFT JOIN atlas_otel.sessions AS ours ON ours.id = theirs.id
CROSS JOIN LATERAL (SELECT stored.event -> 'payload' AS payload) AS inside
WHERE {which}
    AND payload ->> 'event_type' LIKE '%%\_END'
    AND payload ->> 'event_type' <> 'CUSTOM_END'
    AND payload -> 'metadata' ->> 'status' = 'failed'
    -- What validation rejected is in look_rejections.
    AND coalesce(payload -> 'metadata' -> 'error' ->> 'type', '') <> 'ValidationFailed'
ORDER BY theirs.id, stored.id

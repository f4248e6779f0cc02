-- Attempts that validation rejected.
SELECT
    theirs.id AS session_id, ours.key AS session_key, theirs.created_at,
    coalesce((
        SELECT step ->> 'description' FROM jsonb_array_elements(plans.plan -> 'steps') AS step
        WHERE step ->> 'id' = tried.step_id::text
    ), 'step_' || tried.step_id) AS name,
    coalesce(tried.evaluation -> 'validation' ->> 'reason', '') AS message
FROM public.sessions AS theirs
JOIN public.step_attempts AS tried ON tried.session_id = theirs.id
LEFT JOIN public.plans ON plans.session_id = theirs.id
LEFT JOIN atlas_otel.sessions AS ours ON ours.id = theirs.id
WHERE {which} AND tried.evaluation -> 'validation' ->> 'valid' = 'false'
ORDER BY theirs.id, tried.step_id, tried.attempt

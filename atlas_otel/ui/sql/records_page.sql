-- The rows of the contract and the events of a session, as they are stored, a page of them.
SELECT kind, name, octet_length(text), CASE WHEN octet_length(text) <= %(most)s THEN text END
FROM (
    SELECT 1 AS place, 0::bigint AS number, 'session' AS kind, key AS name, body AS text FROM (
        SELECT 'sessions' AS key, to_jsonb(theirs)::text AS body FROM public.sessions AS theirs WHERE id = %(id)s
    ) AS one
    UNION ALL SELECT 2, 0, 'plan', 'plans', plan::text FROM public.plans WHERE session_id = %(id)s
    UNION ALL SELECT 3, step_id, 'step', 'step ' || step_id, to_jsonb(step)::text
        FROM public.step_results AS step WHERE session_id = %(id)s
    UNION ALL SELECT 4, step_id::bigint * 1000000 + attempt, 'attempt', 'step ' || step_id || ', attempt ' || attempt,
        to_jsonb(tried)::text FROM public.step_attempts AS tried WHERE session_id = %(id)s
    UNION ALL SELECT 5, step_id::bigint * 1000000 + sequence, 'guidance', 'step ' || step_id || ', note ' || sequence,
        to_jsonb(note)::text FROM public.guidance_notes AS note WHERE session_id = %(id)s
    UNION ALL SELECT 6, id, 'trajectory', coalesce(event -> 'payload' ->> 'event_type', 'event'), event::text
        FROM public.trajectory_events WHERE session_id = %(id)s
) AS records
ORDER BY place, number
LIMIT %(limit)s OFFSET %(after)s

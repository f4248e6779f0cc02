-- OFFSET 0: as in read_steps.sql.
SELECT ours.key, attempt.*
FROM atlas_otel.sessions AS ours
CROSS JOIN LATERAL (
    SELECT step_id, attempt, evaluation FROM public.step_attempts WHERE session_id = ours.id OFFSET 0
) AS attempt
WHERE ours.key = ANY (%(keys)s)
ORDER BY ours.key, attempt.step_id, attempt.attempt

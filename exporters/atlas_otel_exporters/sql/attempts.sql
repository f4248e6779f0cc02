-- OFFSET 0: as in steps.sql.
SELECT wanted.id, a.*
FROM unnest(%(ids)s::bigint[]) AS wanted (id)
CROSS JOIN LATERAL (
    SELECT step_id, attempt, evaluation FROM step_attempts WHERE session_id = wanted.id OFFSET 0
) a
ORDER BY wanted.id, a.step_id, a.attempt

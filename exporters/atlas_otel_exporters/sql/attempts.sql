SELECT session_id, step_id, attempt, evaluation
FROM step_attempts WHERE session_id = ANY (%(ids)s::int[]) ORDER BY session_id, step_id, attempt

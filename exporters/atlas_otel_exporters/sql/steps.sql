SELECT session_id, step_id, trace, output, evaluation, attempts, metadata
FROM step_results WHERE session_id = ANY (%(ids)s::int[]) ORDER BY session_id, step_id

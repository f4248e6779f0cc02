SELECT step_id, attempt, evaluation
FROM public.step_attempts
WHERE session_id = (SELECT id FROM atlas_otel.sessions WHERE key = %(key)s)
ORDER BY step_id, attempt

-- Rows of these sessions that their projection no longer has: a step whose own id became known late, say. What it has
-- comes as JSON, as in project_write.sql.
SELECT 'step_results', stored.session_id, stored.step_id, 0
FROM public.step_results AS stored
LEFT JOIN json_to_recordset(%(step_results)s::json) AS kept (session_id BIGINT, step_id INTEGER)
    USING (session_id, step_id)
WHERE stored.session_id = ANY (%(ids)s::bigint[]) AND kept.session_id IS NULL
UNION ALL
SELECT 'step_attempts', stored.session_id, stored.step_id, stored.attempt
FROM public.step_attempts AS stored
LEFT JOIN json_to_recordset(%(step_attempts)s::json) AS kept (session_id BIGINT, step_id INTEGER, attempt INTEGER)
    USING (session_id, step_id, attempt)
WHERE stored.session_id = ANY (%(ids)s::bigint[]) AND kept.session_id IS NULL
UNION ALL
SELECT 'guidance_notes', stored.session_id, stored.step_id, stored.sequence
FROM public.guidance_notes AS stored
LEFT JOIN json_to_recordset(%(guidance_notes)s::json) AS kept (session_id BIGINT, step_id INTEGER, sequence INTEGER)
    USING (session_id, step_id, sequence)
WHERE stored.session_id = ANY (%(ids)s::bigint[]) AND kept.session_id IS NULL
ORDER BY 1

-- Rows of these sessions that their projection no longer has: a step whose own id became known late, say.
SELECT 'step_results', stored.session_id, stored.step_id, 0
FROM public.step_results AS stored
LEFT JOIN step_results_in AS kept USING (session_id, step_id)
WHERE stored.session_id = ANY (%(ids)s::bigint[]) AND kept.session_id IS NULL
UNION ALL
SELECT 'step_attempts', stored.session_id, stored.step_id, stored.attempt
FROM public.step_attempts AS stored
LEFT JOIN step_attempts_in AS kept USING (session_id, step_id, attempt)
WHERE stored.session_id = ANY (%(ids)s::bigint[]) AND kept.session_id IS NULL
UNION ALL
SELECT 'guidance_notes', stored.session_id, stored.step_id, stored.sequence
FROM public.guidance_notes AS stored
LEFT JOIN guidance_notes_in AS kept USING (session_id, step_id, sequence)
WHERE stored.session_id = ANY (%(ids)s::bigint[]) AND kept.session_id IS NULL
ORDER BY 1

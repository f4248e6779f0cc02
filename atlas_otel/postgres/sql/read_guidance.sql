-- OFFSET 0: as in read_steps.sql.
SELECT ours.key, guidance.*
FROM atlas_otel.sessions AS ours
CROSS JOIN LATERAL (
    SELECT step_id, sequence, note FROM public.guidance_notes WHERE session_id = ours.id OFFSET 0
) AS guidance
WHERE ours.key = ANY (%(keys)s)
ORDER BY ours.key, guidance.step_id, guidance.sequence

-- OFFSET 0: each session by the index, also where the tables were never analysed.
SELECT ours.key, step.*
FROM atlas_otel.sessions AS ours
CROSS JOIN LATERAL (
    SELECT
        step_id, coalesce(trace, ''), coalesce(output, ''), evaluation, coalesce(attempts, 0), coalesce(metadata, '{}')
    FROM public.step_results
    WHERE session_id = ours.id
    OFFSET 0
) AS step
WHERE ours.key = ANY (%(keys)s)
ORDER BY ours.key, step.step_id

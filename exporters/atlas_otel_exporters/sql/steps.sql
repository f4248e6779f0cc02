-- OFFSET 0: each session by the index, also where the table was never analysed.
SELECT wanted.id, r.*
FROM unnest(%(ids)s::bigint[]) AS wanted (id)
CROSS JOIN LATERAL (
    SELECT step_id, trace, output, evaluation, attempts, metadata FROM step_results WHERE session_id = wanted.id OFFSET 0
) r
ORDER BY wanted.id, r.step_id

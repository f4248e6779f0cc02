-- OFFSET 0: as in steps.sql.
SELECT wanted.id, g.step_id, g.note
FROM unnest(%(ids)s::bigint[]) AS wanted (id)
CROSS JOIN LATERAL (
    SELECT step_id, sequence, note FROM guidance_notes WHERE session_id = wanted.id OFFSET 0
) g
ORDER BY wanted.id, g.step_id, g.sequence

SELECT r.step_id,
       (SELECT step ->> 'description' FROM plans p,
            jsonb_array_elements(CASE WHEN jsonb_typeof(p.plan -> 'steps') = 'array' THEN p.plan -> 'steps' END) step
        WHERE p.session_id = r.session_id AND step ->> 'id' = r.step_id::text LIMIT 1),
       r.attempts,
       CASE WHEN jsonb_typeof(r.evaluation) = 'object' THEN r.evaluation ELSE '{}' END,
       CASE WHEN jsonb_typeof(r.metadata) = 'object' THEN r.metadata ELSE '{}' END,
       r.output
FROM step_results r
WHERE r.session_id = %(id)s
ORDER BY r.step_id

SELECT r.step_id,
       (SELECT step ->> 'description' FROM plans p,
            jsonb_array_elements(CASE WHEN jsonb_typeof(p.plan -> 'steps') = 'array' THEN p.plan -> 'steps' END) step
        WHERE p.session_id = r.session_id AND step ->> 'id' = r.step_id::text LIMIT 1) AS description,
       r.attempts,
       CASE WHEN jsonb_typeof(r.evaluation -> 'reward' -> 'score') = 'number'
                 AND r.metadata -> 'reward_missing' IS DISTINCT FROM 'true'
            THEN (r.evaluation -> 'reward' ->> 'score')::float8 END AS score,
       CASE WHEN jsonb_typeof(r.evaluation -> 'validation' -> 'valid') = 'boolean'
            THEN (r.evaluation -> 'validation' -> 'valid')::bool END AS valid,
       r.output
FROM step_results r
WHERE r.session_id = %(id)s
ORDER BY r.step_id

-- What one session says of itself beside its list line, and what the others of its learning key came to.
WITH it AS (
    SELECT id, metadata, reward, reward_audit, status, created_at, completed_at,
           nullif(metadata ->> 'learning_key', '') AS learning_key
    FROM sessions WHERE id = %(id)s
),
peers AS (
    SELECT s.status,
           CASE WHEN jsonb_typeof(s.reward -> 'score') = 'number' THEN (s.reward ->> 'score')::float8 END AS score,
           extract(EPOCH FROM s.completed_at - s.created_at)::float8 AS seconds,
           CASE WHEN jsonb_typeof(s.metadata -> 'token_usage' -> 'total_tokens') = 'number'
                THEN (s.metadata -> 'token_usage' ->> 'total_tokens')::float8 END AS tokens
    FROM sessions AS s JOIN it ON s.metadata ->> 'learning_key' = it.learning_key AND s.id <> it.id
    WHERE s.status <> 'running'
    ORDER BY s.created_at DESC LIMIT 200
)
SELECT
    it.metadata, it.reward, it.status,
    extract(EPOCH FROM it.completed_at - it.created_at)::float8 AS seconds,
    (SELECT coalesce(jsonb_agg(jsonb_build_array(g.step_id, g.note) ORDER BY g.step_id, g.sequence), '[]')
     FROM guidance_notes AS g WHERE g.session_id = it.id) AS guidance,
    (SELECT count(*) FROM peers) AS sessions,
    (SELECT count(*) FROM peers WHERE status = 'succeeded') AS succeeded,
    (SELECT count(score) FROM peers) AS scored,
    (SELECT avg(score) FROM peers) AS score_mean,
    (SELECT stddev_pop(score) FROM peers) AS score_stddev,
    (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) FROM peers) AS seconds_median,
    (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY tokens) FROM peers) AS tokens_median
FROM it

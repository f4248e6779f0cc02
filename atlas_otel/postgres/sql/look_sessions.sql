-- Sessions in groups: how many, how they ended, what they were worth and cost, and what a retry with guidance changed.
WITH chosen AS (
    SELECT
        theirs.id, theirs.status, theirs.created_at,
        theirs.metadata ->> 'agent_name' AS agent,
        theirs.metadata ->> 'learning_key' AS learning_key,
        (theirs.reward ->> 'score')::float AS score,
        (theirs.metadata -> 'token_usage' ->> 'prompt_tokens')::bigint AS input_tokens,
        (theirs.metadata -> 'token_usage' ->> 'completion_tokens')::bigint AS output_tokens,
        (theirs.metadata -> 'cost' ->> 'usd')::float AS cost,
        (theirs.metadata -> 'cost' ->> 'unknown_calls')::bigint AS unpriced,
        extract(EPOCH FROM theirs.completed_at - theirs.created_at)::float AS seconds
    FROM public.sessions AS theirs
    WHERE {which}
),
attempts AS (
    SELECT
        tried.session_id, tried.step_id, tried.attempt,
        -- The verdict; where nobody gave one, whether the attempt ended in an error.
        CASE coalesce(tried.evaluation -> 'validation' ->> 'valid', history ->> 'status')
            WHEN 'true' THEN 1 WHEN 'succeeded' THEN 1 WHEN 'false' THEN 0 WHEN 'failed' THEN 0
        END AS valid,
        CASE
            WHEN jsonb_typeof(tried.evaluation -> 'reward' -> 'score') = 'number'
                -- A placeholder (models.evaluation.score_of): nobody gave that zero.
                AND coalesce(tried.evaluation -> 'reward' ->> 'skipped', 'false') IN ('false', '')
                AND coalesce(tried.evaluation -> 'reward' -> 'raw' ->> 'skipped', 'false') IN ('false', '')
                THEN (tried.evaluation -> 'reward' ->> 'score')::float
        END AS score
    FROM public.step_attempts AS tried
    JOIN public.step_results AS step USING (session_id, step_id)
    LEFT JOIN LATERAL (
        SELECT entry AS history FROM jsonb_array_elements(
            CASE jsonb_typeof(step.metadata -> 'attempt_history') WHEN 'array' THEN step.metadata -> 'attempt_history' END
        ) AS entry
        WHERE entry ->> 'attempt' = tried.attempt::text
        LIMIT 1
    ) AS kept ON TRUE
    WHERE tried.session_id IN (SELECT id FROM chosen)
),
retried AS (
    SELECT
        before.session_id,
        count(*) AS retries,
        count(*) FILTER (WHERE guided) AS guided,
        count(*) FILTER (WHERE guided AND (later.valid > before.valid OR later.score > before.score)) AS improved,
        sum(later.score - before.score) FILTER (WHERE guided) AS gain,
        count(later.score - before.score) FILTER (WHERE guided) AS compared
    FROM attempts AS before
    JOIN attempts AS later USING (session_id, step_id)
    CROSS JOIN LATERAL (SELECT EXISTS (
        SELECT FROM public.guidance_notes AS note
        WHERE note.session_id = before.session_id AND note.step_id = before.step_id
    ) AS guided) AS notes
    WHERE later.attempt = before.attempt + 1
    GROUP BY before.session_id
)
SELECT
    CASE WHEN %(by_day)s THEN to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') END AS day,
    CASE WHEN %(by_agent)s THEN agent END AS agent,
    CASE WHEN %(by_learning_key)s THEN learning_key END AS learning_key,
    count(*) AS sessions,
    count(*) FILTER (WHERE status = 'succeeded') AS succeeded,
    count(*) FILTER (WHERE status = 'failed') AS failed,
    count(score) AS rewarded,
    avg(score) AS reward,
    stddev_pop(score) AS reward_spread,
    coalesce(sum(retries), 0)::bigint AS retries,
    coalesce(sum(guided), 0)::bigint AS guided,
    coalesce(sum(improved), 0)::bigint AS improved,
    (sum(gain) / nullif(sum(compared), 0))::float AS gain,
    sum(input_tokens)::bigint AS input_tokens,
    sum(output_tokens)::bigint AS output_tokens,
    sum(cost) AS cost_usd,
    coalesce(sum(unpriced), 0)::bigint AS unpriced_calls,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS p50_seconds,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY seconds) AS p95_seconds
FROM chosen
LEFT JOIN retried ON retried.session_id = chosen.id
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3

-- Keeps what the review queue and the plots know of these sessions, of those that are over.
WITH chosen AS (
    SELECT
        theirs.id, coalesce(ours.changed_revision, 0) AS revision, theirs.created_at, theirs.status, theirs.metadata,
        theirs.metadata ->> 'agent_name' AS agent,
        theirs.metadata ->> 'learning_key' AS learning_key,
        -- As ``rewards.session_score`` reads it: a placeholder is no score.
        coalesce(
            CASE WHEN coalesce(theirs.reward -> 'skipped', theirs.reward -> 'raw' -> 'skipped', 'false') IN ('false', 'null', '""')
                THEN atlas_otel.number_of(theirs.reward -> 'score') END,
            atlas_otel.number_of(theirs.reward_stats -> 'score')
        ) AS score,
        atlas_otel.number_of(theirs.reward_stats -> 'score_stddev') AS spread,
        extract(EPOCH FROM theirs.completed_at - theirs.created_at)::float8 AS seconds,
        coalesce(theirs.metadata -> 'drift_alert', 'false') NOT IN ('false', 'null')
            OR coalesce(theirs.metadata -> 'drift' -> 'drift_alert', 'false') NOT IN ('false', 'null') AS drift
    FROM public.sessions AS theirs
    LEFT JOIN atlas_otel.sessions AS ours ON ours.id = theirs.id
    WHERE theirs.id = ANY (%(ids)s::bigint[]) AND theirs.status <> 'running'
),
ended AS MATERIALIZED (
    SELECT chosen.id AS session_id, event.*
    FROM chosen
    CROSS JOIN LATERAL (
        SELECT
            stored.id AS event_id, payload ->> 'event_type' AS event_type, payload ->> 'name' AS name,
            payload ->> 'UUID' AS uuid, stored.event ->> 'parent_id' AS parent,
            said ->> 'model' AS model, said ->> 'step_id' AS step, -- A rejected attempt is counted as such.
            said ->> 'status' = 'failed' AND coalesce(said -> 'error' ->> 'type', '') <> 'ValidationFailed' AS failed,
            coalesce(said -> 'error' ->> 'type', '') AS error_type,
            left(coalesce(said -> 'error' ->> 'message', payload -> 'data' -> 'output' ->> 'error', ''), 300) AS message,
            atlas_otel.number_of(payload -> 'usage_info' -> 'prompt_tokens') AS input_tokens,
            atlas_otel.number_of(payload -> 'usage_info' -> 'completion_tokens') AS output_tokens,
            atlas_otel.number_of(said -> 'cost_usd') AS cost_usd,
            atlas_otel.number_of(payload -> 'event_timestamp')
                - atlas_otel.number_of(payload -> 'span_event_timestamp') AS seconds
        FROM public.trajectory_events AS stored
        CROSS JOIN LATERAL (SELECT stored.event -> 'payload' AS payload OFFSET 0) AS inside
        CROSS JOIN LATERAL (SELECT payload -> 'metadata' AS said OFFSET 0) AS beside
        WHERE stored.session_id = chosen.id AND payload ->> 'event_type'
            IN ('LLM_END', 'TOOL_END', 'TASK_END', 'FUNCTION_END', 'SPAN_END', 'WORKFLOW_END')
        OFFSET 0
    ) AS event
),
timed AS (
    SELECT
        session_id, CASE event_type WHEN 'LLM_END' THEN 'model' ELSE 'tool' END AS kind,
        left(coalesce(CASE event_type WHEN 'LLM_END' THEN model END, name, ''), 500) AS name,
        atlas_otel.time_bucket(seconds) AS bucket, count(*) AS calls, count(*) FILTER (WHERE failed) AS failed,
        coalesce(sum(input_tokens), 0) AS input_tokens, coalesce(sum(output_tokens), 0) AS output_tokens,
        sum(cost_usd) AS cost_usd
    FROM ended
    WHERE event_type IN ('LLM_END', 'TOOL_END')
    GROUP BY 1, 2, 3, 4
),
called AS (
    SELECT
        session_id, kind, name, sum(calls) AS calls, sum(failed) AS failed, sum(input_tokens) AS input_tokens,
        sum(output_tokens) AS output_tokens, sum(cost_usd) AS cost_usd,
        coalesce(jsonb_object_agg(bucket, calls) FILTER (WHERE bucket IS NOT NULL), '{}') AS buckets
    FROM timed
    GROUP BY 1, 2, 3
),
calls AS (
    SELECT
        session_id, sum(calls)::int AS length, sum(cost_usd) AS cost_usd,
        coalesce(array_agg(name ORDER BY name) FILTER (WHERE kind = 'model'), '{}') AS models,
        coalesce(array_agg(name ORDER BY name) FILTER (WHERE kind = 'tool'), '{}') AS tools,
        jsonb_agg(
            jsonb_build_array(kind, name, calls, failed, input_tokens, output_tokens, cost_usd, buckets)
            ORDER BY kind, name
        ) AS calls
    FROM called
    GROUP BY 1
),
wrong AS (
    SELECT
        session_id, count(*)::int AS failed,
        jsonb_agg(jsonb_build_array(
            event_type,
            left(coalesce(
                CASE WHEN event_type = 'TASK_END' THEN (
                    SELECT planned ->> 'description'
                    FROM public.plans, jsonb_array_elements(
                        CASE jsonb_typeof(plan -> 'steps') WHEN 'array' THEN plan -> 'steps' ELSE '[]' END
                    ) AS planned
                    WHERE plans.session_id = numbered.session_id AND planned ->> 'id' = step
                    LIMIT 1
                ) END, name, ''), 500),
            uuid, parent, error_type, message
        ) ORDER BY event_id) FILTER (WHERE place <= 50) AS failures
    FROM (
        SELECT *, row_number() OVER (PARTITION BY session_id ORDER BY event_id) AS place
        FROM ended WHERE failed
    ) AS numbered
    GROUP BY session_id
),
tried AS (
    SELECT
        tried.session_id, tried.step_id, tried.attempt,
        tried.evaluation -> 'validation' -> 'valid' = 'false' AS rejected,
        left(coalesce(tried.evaluation -> 'validation' ->> 'reason', ''), 300) AS reason,
        CASE coalesce(tried.evaluation -> 'validation' ->> 'valid', history ->> 'status')
            WHEN 'true' THEN 1 WHEN 'succeeded' THEN 1 WHEN 'false' THEN 0 WHEN 'failed' THEN 0
        END AS valid,
        CASE
            WHEN coalesce(tried.evaluation -> 'reward' ->> 'skipped', 'false') IN ('false', '')
                AND coalesce(tried.evaluation -> 'reward' -> 'raw' ->> 'skipped', 'false') IN ('false', '')
            THEN atlas_otel.number_of(tried.evaluation -> 'reward' -> 'score')
        END AS score
    FROM chosen
    JOIN public.step_attempts AS tried ON tried.session_id = chosen.id
    LEFT JOIN public.step_results AS step ON step.session_id = tried.session_id AND step.step_id = tried.step_id
    LEFT JOIN LATERAL (
        SELECT entry AS history
        FROM jsonb_array_elements(
            CASE jsonb_typeof(step.metadata -> 'attempt_history') WHEN 'array' THEN step.metadata -> 'attempt_history' ELSE '[]' END
        ) AS entry
        WHERE entry ->> 'attempt' = tried.attempt::text
        LIMIT 1
    ) AS kept ON TRUE
),
attempts AS (
    SELECT session_id, count(*)::int AS attempts, count(*) FILTER (WHERE rejected)::int AS rejected,
        jsonb_agg(jsonb_build_array('rejected', coalesce((
            SELECT planned ->> 'description'
            FROM public.plans, jsonb_array_elements(
                CASE jsonb_typeof(plan -> 'steps') WHEN 'array' THEN plan -> 'steps' ELSE '[]' END
            ) AS planned
            WHERE plans.session_id = tried.session_id AND planned ->> 'id' = step_id::text
            LIMIT 1
        ), 'step_' || step_id), NULL, NULL, 'validation', reason) ORDER BY step_id, attempt)
            FILTER (WHERE rejected) AS refused
    FROM tried
    GROUP BY 1
),
retried AS (
    SELECT
        before.session_id,
        count(*)::int AS retries,
        count(*) FILTER (WHERE guided)::int AS guided,
        count(*) FILTER (WHERE guided AND (later.valid > before.valid OR later.score > before.score))::int AS improved,
        sum(later.score - before.score) FILTER (WHERE guided) AS gain,
        count(later.score - before.score) FILTER (WHERE guided)::int AS compared
    FROM tried AS before
    JOIN tried AS later USING (session_id, step_id)
    CROSS JOIN LATERAL (SELECT EXISTS (
        SELECT FROM public.guidance_notes AS note
        WHERE note.session_id = before.session_id AND note.step_id = before.step_id
    ) AS guided) AS notes
    WHERE later.attempt = before.attempt + 1
    GROUP BY before.session_id
),
whole AS (
    SELECT
        chosen.*,
        coalesce(calls.length, 0) AS length,
        coalesce(calls.models, '{}') AS models, coalesce(calls.tools, '{}') AS tools,
        coalesce(calls.calls, '[]') AS calls, calls.cost_usd,
        coalesce(wrong.failed, 0) AS failed_calls,
        CASE WHEN wrong.failures IS NOT NULL OR attempts.refused IS NOT NULL
            THEN coalesce(wrong.failures, '[]') || coalesce(attempts.refused, '[]') END AS failures,
        coalesce(attempts.attempts, 0) AS attempts, coalesce(attempts.rejected, 0) AS rejected,
        coalesce(retried.retries, 0) AS retries, coalesce(retried.guided, 0) AS guided,
        coalesce(retried.improved, 0) AS improved, retried.gain, coalesce(retried.compared, 0) AS compared,
        (SELECT count(*) FROM public.step_results AS step WHERE step.session_id = chosen.id)::int AS steps
    FROM chosen
    LEFT JOIN calls ON calls.session_id = chosen.id
    LEFT JOIN wrong ON wrong.session_id = chosen.id
    LEFT JOIN attempts ON attempts.session_id = chosen.id
    LEFT JOIN retried ON retried.session_id = chosen.id
),
reasoned AS (
    SELECT whole.*, array_remove(ARRAY[
        CASE WHEN drift THEN 'drift' END,
        CASE WHEN rejected > 0 THEN 'rejected_attempts' END,
        -- The bounds within which judges' samples agree (contract §5, variance_threshold), and below which few would train.
        CASE WHEN whole.spread > 0.15 THEN 'judge_disagreement' END,
        CASE WHEN score < 0.5 THEN 'low_reward' END,
        CASE WHEN score IS NULL THEN 'missing_reward' END,
        -- Three standard deviations of what this agent did before, and at least twice or half of it.
        CASE WHEN usual.sessions >= 10 AND abs(ln(1 + length) - usual.mean) > greatest(3 * usual.spread, ln(2))
            THEN 'unusual_length' END,
        CASE WHEN failed_calls > 0 OR status = 'failed' THEN 'failure_cluster' END,
        CASE WHEN learning_key IS NOT NULL AND NOT EXISTS (
            SELECT FROM public.sessions AS earlier
            WHERE earlier.metadata ->> 'learning_key' = whole.learning_key
                AND (earlier.created_at, earlier.id) < (whole.created_at, whole.id)
        ) THEN 'new_task_group' END
    ], NULL) AS reasons
    FROM whole
    CROSS JOIN LATERAL (
        SELECT count(*) AS sessions, avg(ln(1 + before.length)) AS mean, stddev_pop(ln(1 + before.length)) AS spread
        FROM (
            SELECT facts.length FROM atlas_otel.session_facts AS facts
            WHERE coalesce(facts.agent, '') = coalesce(whole.agent, '') AND facts.created_at < whole.created_at
            ORDER BY facts.created_at DESC
            LIMIT 50
        ) AS before
    ) AS usual
)
INSERT INTO atlas_otel.session_facts AS kept (
    session_id, revision, day, created_at, status, agent, learning_key, tags, models, tools, score, spread, seconds,
    steps, attempts, retries, rejected, guided, improved, gain, compared, input_tokens, output_tokens, cost_usd, length,
    failed, calls, failures, clusters, reasons, attention
)
SELECT
    id, revision, (created_at AT TIME ZONE 'UTC')::date, created_at, status, agent, learning_key,
    atlas_otel.texts_of(metadata -> 'tags'), models, tools, score, spread, greatest(seconds, 0), steps, attempts, retries,
    rejected, guided, improved, gain, compared,
    atlas_otel.number_of(metadata -> 'token_usage' -> 'prompt_tokens')::bigint,
    atlas_otel.number_of(metadata -> 'token_usage' -> 'completion_tokens')::bigint,
    coalesce(atlas_otel.number_of(metadata -> 'cost' -> 'usd'), cost_usd),
    length, failed_calls, calls, failures, NULL, reasons,
    (
        SELECT coalesce(sum(CASE reason
            WHEN 'drift' THEN 8 WHEN 'rejected_attempts' THEN 4 WHEN 'judge_disagreement' THEN 4 WHEN 'low_reward' THEN 4
            WHEN 'failure_cluster' THEN 3 WHEN 'missing_reward' THEN 2 WHEN 'unusual_length' THEN 2 ELSE 1
        END), 0)::int
        FROM unnest(reasons) AS reason
    )
FROM reasoned
ON CONFLICT (session_id) DO UPDATE
SET revision = excluded.revision, written = excluded.written, day = excluded.day, created_at = excluded.created_at,
    status = excluded.status, agent = excluded.agent, learning_key = excluded.learning_key, tags = excluded.tags,
    models = excluded.models, tools = excluded.tools, score = excluded.score, spread = excluded.spread,
    seconds = excluded.seconds, steps = excluded.steps, attempts = excluded.attempts, retries = excluded.retries,
    rejected = excluded.rejected, guided = excluded.guided, improved = excluded.improved, gain = excluded.gain,
    compared = excluded.compared, input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens,
    cost_usd = excluded.cost_usd, length = excluded.length, failed = excluded.failed, calls = excluded.calls,
    failures = excluded.failures, clusters = excluded.clusters, reasons = excluded.reasons,
    attention = excluded.attention

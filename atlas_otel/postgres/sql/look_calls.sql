-- Model calls, or tool calls, in groups.
WITH chosen AS (
    SELECT
        theirs.id, theirs.created_at,
        theirs.metadata ->> 'agent_name' AS agent,
        theirs.metadata ->> 'learning_key' AS learning_key,
        (theirs.reward ->> 'score')::float AS score
    FROM public.sessions AS theirs
    WHERE {which}
),
calls AS (
    SELECT
        chosen.*,
        CASE WHEN %(event_type)s = 'TOOL_END' THEN payload ->> 'name' END AS tool,
        CASE WHEN %(event_type)s = 'LLM_END' THEN coalesce(payload -> 'metadata' ->> 'model', payload ->> 'name') END
            AS model,
        payload -> 'metadata' ->> 'provider' AS provider,
        payload -> 'metadata' ->> 'status' = 'failed' AS failed,
        (payload -> 'usage_info' ->> 'prompt_tokens')::bigint AS input_tokens,
        (payload -> 'usage_info' ->> 'completion_tokens')::bigint AS output_tokens,
        ((payload ->> 'event_timestamp')::float - (payload ->> 'span_event_timestamp')::float) AS seconds
    FROM chosen
    JOIN public.trajectory_events AS stored ON stored.session_id = chosen.id
    CROSS JOIN LATERAL (SELECT stored.event -> 'payload' AS payload) AS inside
    WHERE payload ->> 'event_type' = %(event_type)s
)
SELECT
    CASE WHEN %(by_day)s THEN to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') END AS day,
    CASE WHEN %(by_agent)s THEN agent END AS agent,
    CASE WHEN %(by_learning_key)s THEN learning_key END AS learning_key,
    coalesce(tool, model) AS name,
    count(DISTINCT id) AS sessions,
    count(*) AS calls,
    count(*) FILTER (WHERE failed) AS failed,
    sum(input_tokens)::bigint AS input_tokens,
    sum(output_tokens)::bigint AS output_tokens,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS p50_seconds,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY seconds) AS p95_seconds
FROM calls
GROUP BY 1, 2, 3, 4
ORDER BY 1, 2, 3, 4

-- The numbers of one day, from its sessions. By model and tool, what is of calls is of these alone.
WITH facts AS MATERIALIZED (SELECT * FROM atlas_otel.session_facts WHERE day = %(day)s),
named AS (
    SELECT 'all' AS dimension, '' AS name, session_id, NULL::jsonb AS called FROM facts
    UNION ALL SELECT 'agent', agent, session_id, NULL FROM facts WHERE agent IS NOT NULL
    UNION ALL SELECT 'learning_key', learning_key, session_id, NULL FROM facts WHERE learning_key IS NOT NULL
    UNION ALL SELECT 'tag', tag, session_id, NULL FROM facts, unnest(tags) AS tag
    UNION ALL SELECT entry ->> 0, entry ->> 1, session_id, entry FROM facts, jsonb_array_elements(calls) AS entry
),
ranked AS (
    SELECT dimension, name, row_number() OVER (PARTITION BY dimension ORDER BY count(*) DESC, name) AS place
    FROM named GROUP BY dimension, name
),
placed AS (
    SELECT named.dimension, CASE WHEN place <= 200 THEN named.name END AS name, named.called, facts.*
    FROM named JOIN ranked USING (dimension, name) JOIN facts USING (session_id)
),
counted AS (
    SELECT dimension, name, bucket::int AS bucket, sum(calls)::bigint AS calls
    FROM (
        SELECT dimension, name, atlas_otel.time_bucket(seconds)::text AS bucket, 1::numeric AS calls
        FROM placed WHERE called IS NULL AND seconds IS NOT NULL
        UNION ALL
        SELECT dimension, name, entry.key, entry.value::numeric
        FROM placed CROSS JOIN LATERAL jsonb_each_text(called -> 7) AS entry
        WHERE called IS NOT NULL
    ) AS timed
    GROUP BY 1, 2, 3
),
buckets AS (
    SELECT dimension, name, jsonb_object_agg(bucket, calls) AS buckets FROM counted GROUP BY 1, 2
),
summed AS (
    SELECT
        dimension, name, count(DISTINCT session_id) AS sessions,
        count(DISTINCT session_id) FILTER (WHERE status = 'succeeded') AS succeeded,
        count(DISTINCT session_id) FILTER (WHERE status = 'failed') AS failed,
        count(score) AS rewarded, coalesce(sum(score), 0) AS reward_sum, coalesce(sum(score * score), 0) AS reward_squares,
        sum(retries) AS retries, sum(rejected) AS rejected, sum(guided) AS guided, sum(improved) AS improved,
        coalesce(sum(gain), 0) AS gain, sum(compared) AS compared,
        sum(CASE WHEN called IS NULL THEN coalesce(input_tokens, 0) ELSE (called ->> 4)::numeric END)::bigint AS input_tokens,
        sum(CASE WHEN called IS NULL THEN coalesce(output_tokens, 0) ELSE (called ->> 5)::numeric END)::bigint AS output_tokens,
        sum(CASE WHEN called IS NULL THEN cost_usd ELSE (called ->> 6)::float8 END) AS cost_usd,
        sum((called ->> 2)::numeric)::bigint AS calls, sum((called ->> 3)::numeric)::bigint AS failed_calls
    FROM placed
    GROUP BY 1, 2
)
INSERT INTO atlas_otel.daily_numbers (
    day, dimension, name, sessions, succeeded, failed, rewarded, reward_sum, reward_squares, retries, rejected, guided,
    improved, gain, compared, input_tokens, output_tokens, cost_usd, calls, failed_calls, buckets
)
SELECT
    %(day)s, summed.dimension, summed.name, sessions, succeeded, failed, rewarded, reward_sum, reward_squares, retries,
    rejected, guided, improved, gain, compared, input_tokens, output_tokens, cost_usd, calls, failed_calls,
    coalesce(buckets, '{}')
FROM summed
LEFT JOIN buckets ON buckets.dimension = summed.dimension AND buckets.name IS NOT DISTINCT FROM summed.name

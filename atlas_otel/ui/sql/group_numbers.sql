-- A set of sessions in numbers, from what is kept of each.
SELECT
    count(*), count(*) FILTER (WHERE facts.status = 'succeeded'), count(*) FILTER (WHERE facts.status = 'failed'),
    count(facts.score), avg(facts.score), stddev_pop(facts.score),
    coalesce(sum(facts.retries), 0)::bigint, coalesce(sum(facts.rejected), 0)::bigint,
    coalesce(sum(facts.guided), 0)::bigint, coalesce(sum(facts.improved), 0)::bigint,
    (sum(facts.gain) / nullif(sum(facts.compared), 0))::float8,
    coalesce(sum(facts.input_tokens), 0)::bigint, coalesce(sum(facts.output_tokens), 0)::bigint, sum(facts.cost_usd),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY facts.seconds), percentile_cont(0.95) WITHIN GROUP (ORDER BY facts.seconds),
    percentile_cont(0.99) WITHIN GROUP (ORDER BY facts.seconds), avg(facts.steps)::float8,
    coalesce(sum(facts.failed), 0)::bigint
{from}
WHERE {which}

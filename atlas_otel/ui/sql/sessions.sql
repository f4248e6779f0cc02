-- Sessions as the lists show them, the chosen ones in order; their rows are looked into only then.
WITH chosen AS MATERIALIZED (
    SELECT theirs.id, row_number() OVER () AS place
    FROM (SELECT theirs.id {from} WHERE {which} {after} ORDER BY {order} LIMIT %(limit)s) AS theirs
)
SELECT
    theirs.id, ours.key, coalesce(ours.changed_revision, 0) AS content, coalesce(held.last_event, 0) AS last_event,
    left(theirs.task, 200) AS task, left(coalesce(theirs.final_answer, ''), 200) AS answer, theirs.status,
    theirs.review_status, theirs.created_at, theirs.completed_at,
    extract(EPOCH FROM theirs.completed_at - theirs.created_at)::float8 AS seconds,
    theirs.metadata ->> 'agent_name' AS agent, theirs.metadata ->> 'learning_key' AS learning_key,
    coalesce(facts.models, '{{}}') AS models, coalesce(facts.tools, '{{}}') AS tools,
    coalesce(facts.tags, atlas_otel.texts_of(theirs.metadata -> 'tags')) AS tags,
    coalesce(facts.score, atlas_otel.number_of(theirs.reward -> 'score')) AS reward,
    coalesce(facts.spread, atlas_otel.number_of(theirs.reward_stats -> 'score_stddev')) AS spread,
    coalesce(facts.steps, (SELECT count(*) FROM public.step_results WHERE session_id = theirs.id))::int AS steps,
    coalesce(facts.attempts, 0) AS attempts, coalesce(facts.rejected, 0) AS rejected,
    coalesce(facts.failed, 0) AS failures,
    coalesce(facts.input_tokens, atlas_otel.number_of(theirs.metadata -> 'token_usage' -> 'prompt_tokens')::bigint)
        AS input_tokens,
    coalesce(facts.output_tokens, atlas_otel.number_of(theirs.metadata -> 'token_usage' -> 'completion_tokens')::bigint)
        AS output_tokens,
    facts.cost_usd, coalesce(facts.length, 0) AS length, coalesce(facts.attention, 0) AS attention,
    coalesce(facts.reasons, '{{}}') AS reasons, coalesce(held.verdicts, 0) AS verdicts, held.needed,
    coalesce(held.tie, FALSE) AS tie, coalesce(held.changed, FALSE) AS changed, held.assigned_to,
    coalesce(held.tags, '{{}}') AS review_tags, reserved.reviewer AS reserved_by, reserved.until AS reserved_until,
    theirs.metadata -> 'drift' AS drift, ours.projection_error
FROM chosen
JOIN public.sessions AS theirs USING (id)
LEFT JOIN atlas_otel.sessions AS ours ON ours.id = theirs.id
LEFT JOIN atlas_otel.session_facts AS facts ON facts.session_id = theirs.id
LEFT JOIN atlas_otel.reviews AS held ON held.session_id = theirs.id
LEFT JOIN atlas_otel.review_reservations AS reserved
    ON reserved.session_id = theirs.id AND reserved.until > clock_timestamp()
ORDER BY chosen.place

-- Late rewards for these traces or in them, and what is known of their sessions.
SELECT
    reward.trace_id, reward.span_id, reward.target_trace_id, reward.target_span_id,
    CASE WHEN span.resolved THEN NULL ELSE span.session_key END AS named, span.session_key
FROM atlas_otel.late_rewards AS reward
JOIN atlas_otel.spans AS span USING (trace_id, span_id)
WHERE reward.target_trace_id = ANY (%(ids)s::text[]) OR reward.trace_id = ANY (%(ids)s::text[])

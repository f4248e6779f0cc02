-- Spans here that name no session and are of a trace of an archived one, or a reward for it.
SELECT span.trace_id, span.span_id
FROM atlas_otel.spans AS span
WHERE span.session_key IS NULL AND span.trace_id IN (SELECT trace_id FROM atlas_otel.archived_traces)
UNION
SELECT late.trace_id, late.span_id
FROM atlas_otel.late_rewards AS late
JOIN atlas_otel.spans AS span USING (trace_id, span_id)
WHERE span.session_key IS NULL AND late.target_trace_id IN (SELECT trace_id FROM atlas_otel.archived_traces)

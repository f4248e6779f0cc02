INSERT INTO atlas_otel.late_rewards (trace_id, span_id, target_trace_id, target_span_id)
SELECT * FROM unnest(%(traces)s::text[], %(spans)s::text[], %(target_traces)s::text[], %(target_spans)s::text[])
ON CONFLICT (trace_id, span_id) DO NOTHING

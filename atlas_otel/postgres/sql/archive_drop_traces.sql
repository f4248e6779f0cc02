DELETE FROM atlas_otel.traces
WHERE trace_id = ANY (%(ids)s::text[])
    AND NOT EXISTS (SELECT FROM atlas_otel.spans WHERE spans.trace_id = traces.trace_id)
    AND NOT EXISTS (SELECT FROM atlas_otel.span_events WHERE span_events.trace_id = traces.trace_id)
    AND NOT EXISTS (SELECT FROM atlas_otel.late_rewards WHERE target_trace_id = traces.trace_id)

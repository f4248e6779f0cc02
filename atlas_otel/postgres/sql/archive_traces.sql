INSERT INTO atlas_otel.archived_traces (trace_id, session_key)
SELECT * FROM unnest(%(traces)s::text[], %(keys)s::text[])
ON CONFLICT DO NOTHING

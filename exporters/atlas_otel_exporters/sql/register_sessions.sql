INSERT INTO atlas_otel.dataset_sessions (dataset_id, session_id, session_key, rows)
SELECT %(dataset)s, * FROM unnest(%(ids)s::bigint[], %(keys)s::text[], %(rows)s::bigint[])
ON CONFLICT (dataset_id, session_id) DO UPDATE SET rows = excluded.rows

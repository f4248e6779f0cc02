INSERT INTO atlas_otel.trajectory (session_id, time_ns, key, content_hash, event_id)
SELECT session_id, time_ns, key, content_hash, event_id FROM trajectory_in
ON CONFLICT (session_id, time_ns, key) DO UPDATE
SET content_hash = excluded.content_hash, event_id = excluded.event_id

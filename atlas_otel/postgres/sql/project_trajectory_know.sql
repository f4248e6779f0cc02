INSERT INTO atlas_otel.trajectory (session_id, time_ns, key, content_hash, event_id)
SELECT * FROM unnest(
    %(sessions)s::bigint[], %(times)s::bigint[], %(keys)s::text[], %(hashes)s::bytea[], %(events)s::bigint[]
)
ON CONFLICT (session_id, time_ns, key) DO UPDATE
SET content_hash = excluded.content_hash, event_id = excluded.event_id

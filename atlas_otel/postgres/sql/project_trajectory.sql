SELECT known.session_id, known.time_ns, known.key, known.content_hash, known.event_id
FROM atlas_otel.trajectory AS known
JOIN public.trajectory_events AS stored ON stored.id = known.event_id
WHERE known.session_id = ANY (%(ids)s)
ORDER BY known.session_id, stored.id

SELECT known.time_ns, known.key, stored.event
FROM atlas_otel.trajectory AS known
JOIN public.trajectory_events AS stored ON stored.id = known.event_id
WHERE known.session_id = (SELECT id FROM atlas_otel.sessions WHERE key = %(key)s)
ORDER BY stored.id

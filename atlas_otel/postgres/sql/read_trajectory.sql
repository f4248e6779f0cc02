-- OFFSET 0: as in read_steps.sql. An event counts where it stands in the session that it was written for.
SELECT ours.key, event.time_ns, event.key, event.event
FROM atlas_otel.sessions AS ours
CROSS JOIN LATERAL (
    SELECT known.time_ns, known.key, stored.event, stored.id
    FROM atlas_otel.trajectory AS known
    JOIN public.trajectory_events AS stored ON stored.id = known.event_id AND stored.session_id = known.session_id
    WHERE known.session_id = ours.id
    OFFSET 0
) AS event
WHERE ours.key = ANY (%(keys)s)
ORDER BY ours.key, event.id

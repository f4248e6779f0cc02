-- What was recorded, and what of it stands still.
SELECT
    (SELECT count(*) FROM atlas_otel.sessions),
    (
        SELECT count(*) FROM public.sessions
        WHERE status = 'running' AND id IN (SELECT id FROM atlas_otel.sessions)
    ),
    count(*) FILTER (WHERE revision > projected_revision AND NOT archived),
    coalesce(
        extract(epoch FROM now() - min(last_activity) FILTER (WHERE revision > projected_revision AND NOT archived)), 0
    )::float,
    count(projection_error),
    (SELECT count(*) FROM atlas_otel.poison)
FROM atlas_otel.sessions
CROSS JOIN LATERAL (
    SELECT EXISTS (SELECT FROM atlas_otel.archived AS gone WHERE gone.key = sessions.key AND archived_at IS NOT NULL)
) AS lake (archived)

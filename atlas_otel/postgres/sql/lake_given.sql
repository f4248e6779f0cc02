-- What a lake's build needs of each session beside its records: its number, the ids of its events as runs (first, how
-- many, …), and what its reviewers said.
SELECT ours.key, session.id, coalesce(events.runs, '{}'), session.review_status, session.review_notes
FROM atlas_otel.sessions AS ours
JOIN public.sessions AS session ON session.id = ours.id
CROSS JOIN LATERAL (
    SELECT array_agg(bound ORDER BY run.first, place) AS runs
    FROM (
        SELECT min(id) AS first, count(*) AS events
        FROM (
            SELECT id, id - row_number() OVER (ORDER BY id) AS island
            FROM public.trajectory_events WHERE session_id = session.id
        ) AS numbered
        GROUP BY island
    ) AS run
    CROSS JOIN LATERAL (VALUES (1, run.first), (2, run.events)) AS pair (place, bound)
) AS events

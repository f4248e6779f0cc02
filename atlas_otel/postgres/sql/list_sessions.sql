-- Sessions, newest first, other programs' too, which have no key and no spans of ours. Before them, unless something is
-- asked of sessions, those that cannot be computed and have no row yet.
SELECT id, key, task, status, review_status, created_at, completed_at, score, steps, tokens, agent, projection_error
FROM (
    SELECT
        NULL::bigint AS id, key, '' AS task, 'unknown' AS status, '-' AS review_status, last_activity AS created_at,
        NULL::timestamptz AS completed_at, NULL::float AS score, 0::bigint AS steps, NULL::bigint AS tokens,
        NULL::text AS agent, projection_error
    FROM atlas_otel.sessions
    WHERE id IS NULL AND projection_error IS NOT NULL AND %(unfiltered)s
    UNION ALL
    (
        SELECT
            theirs.id, ours.key, theirs.task, theirs.status, theirs.review_status, theirs.created_at,
            theirs.completed_at,
            (theirs.reward ->> 'score')::float,
            (SELECT count(*) FROM public.step_results WHERE session_id = theirs.id),
            (theirs.metadata -> 'token_usage' ->> 'total_tokens')::bigint,
            theirs.metadata ->> 'agent_name',
            ours.projection_error
        FROM public.sessions AS theirs
        LEFT JOIN atlas_otel.sessions AS ours USING (id)
        WHERE {which}
        ORDER BY theirs.id DESC
        LIMIT %(limit)s::bigint + %(offset)s::bigint
    )
) AS listed
ORDER BY id DESC NULLS FIRST, created_at DESC
LIMIT %(limit)s OFFSET %(offset)s

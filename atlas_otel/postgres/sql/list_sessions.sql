-- Sessions, newest first: theirs too, which have no key and no spans of ours; before them ours that cannot be computed
-- and have no row yet, so no number and no status either.
SELECT id, key, task, status, review_status, created_at, completed_at, score, steps, tokens, projection_error
FROM (
    SELECT
        NULL::bigint AS id, key, '' AS task, 'unknown' AS status, '-' AS review_status, last_activity AS created_at,
        NULL::timestamptz AS completed_at, NULL::float AS score, 0::bigint AS steps, NULL::bigint AS tokens,
        projection_error
    FROM atlas_otel.sessions
    WHERE id IS NULL AND projection_error IS NOT NULL AND %(status)s::text IS NULL
    UNION ALL
    (
        SELECT
            theirs.id, ours.key, theirs.task, theirs.status, theirs.review_status, theirs.created_at,
            theirs.completed_at,
            (theirs.reward ->> 'score')::float,
            (SELECT count(*) FROM public.step_results WHERE session_id = theirs.id),
            (theirs.metadata -> 'token_usage' ->> 'total_tokens')::bigint,
            ours.projection_error
        FROM public.sessions AS theirs
        LEFT JOIN atlas_otel.sessions AS ours USING (id)
        WHERE %(status)s::text IS NULL OR theirs.status = %(status)s
        ORDER BY theirs.id DESC
        LIMIT %(limit)s::bigint + %(offset)s::bigint
    )
) AS listed
ORDER BY id DESC NULLS FIRST, created_at DESC
LIMIT %(limit)s OFFSET %(offset)s

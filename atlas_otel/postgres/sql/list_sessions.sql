-- Sessions, newest first: theirs too, which have no key and no spans of ours.
SELECT
    theirs.id, ours.key, theirs.task, theirs.status, theirs.review_status, theirs.created_at, theirs.completed_at,
    (theirs.reward ->> 'score')::float AS score,
    (SELECT count(*) FROM public.step_results WHERE session_id = theirs.id) AS steps,
    (theirs.metadata -> 'token_usage' ->> 'total_tokens')::bigint AS tokens,
    ours.projection_error
FROM public.sessions AS theirs
LEFT JOIN atlas_otel.sessions AS ours USING (id)
WHERE %(status)s::text IS NULL OR theirs.status = %(status)s
ORDER BY theirs.id DESC
LIMIT %(limit)s OFFSET %(offset)s

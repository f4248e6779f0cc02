-- Sessions that have been quiet for so long and whose rows say that they still run, or that hold a span which never
-- ended. A trace of others that is one is over when its patience is, where its outermost span never comes.
SELECT held.key
FROM atlas_otel.sessions AS held
LEFT JOIN public.sessions AS theirs ON theirs.id = held.id
WHERE held.last_activity < now() - make_interval(secs => %(seconds)s)
    AND (
        (theirs.status = 'running' AND NOT held.implicit)
        OR EXISTS (SELECT FROM atlas_otel.spans WHERE session_key = held.key AND rank < %(reaped)s)
    )
    AND NOT EXISTS (
        SELECT FROM atlas_otel.archived AS gone WHERE gone.key = held.key AND archived_at IS NOT NULL
    )
    AND NOT held.key = ANY (%(seen)s::text[])
ORDER BY held.key
LIMIT %(limit)s

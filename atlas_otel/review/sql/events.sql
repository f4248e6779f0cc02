SELECT id, session_id, at, reviewer, via, revision, kind, verdict, final, needed, criterion, score, step_id, span_id,
    text, undoes
FROM atlas_otel.review_events
WHERE session_id = ANY (%(ids)s::bigint[])
ORDER BY id

-- Verdicts and scores of the sessions of a query, the newest sessions that were rated.
SELECT event.id, event.session_id, event.at, event.reviewer, event.via, event.revision, event.kind, event.verdict,
    event.final, event.needed, event.criterion, event.score, event.step_id, event.span_id, event.text, event.undoes
FROM atlas_otel.review_events AS event
WHERE event.kind IN ('verdict', 'score', 'undo') AND event.via <> 'database' AND event.session_id IN (
    SELECT theirs.id {from} WHERE held.session_id IS NOT NULL AND {which} ORDER BY theirs.id DESC LIMIT %(limit)s
)
ORDER BY event.id

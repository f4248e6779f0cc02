-- Of the newest sessions, those that changed; what changed just before is given again: transactions end in any order.
SELECT
    theirs.id, coalesce(ours.changed_revision, 0) AS content, coalesce(held.last_event, 0) AS last_event,
    theirs.status = 'running' AS running
FROM (SELECT id, status FROM public.sessions ORDER BY id DESC LIMIT 1000) AS theirs
LEFT JOIN atlas_otel.sessions AS ours ON ours.id = theirs.id
LEFT JOIN atlas_otel.reviews AS held ON held.session_id = theirs.id

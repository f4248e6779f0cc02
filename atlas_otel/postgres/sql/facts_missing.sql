-- Sessions that are over, and of which nothing is kept, or what they were: another program wrote them, or one that may not.
SELECT theirs.id
FROM public.sessions AS theirs
LEFT JOIN atlas_otel.sessions AS ours ON ours.id = theirs.id
LEFT JOIN atlas_otel.session_facts AS kept ON kept.session_id = theirs.id
WHERE theirs.status <> 'running' AND kept.revision IS DISTINCT FROM coalesce(ours.changed_revision, 0)
ORDER BY theirs.id DESC
LIMIT %(limit)s

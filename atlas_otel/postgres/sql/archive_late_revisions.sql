SELECT done.key, done.revision
FROM atlas_otel.archived AS done
JOIN atlas_otel.sessions AS held ON held.key = done.key
WHERE done.archived_at IS NOT NULL AND done.dropped AND held.revision > done.revision
ORDER BY done.key

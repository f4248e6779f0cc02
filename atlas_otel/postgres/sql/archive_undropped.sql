SELECT key, revision, drop_rows, row_id FROM atlas_otel.archived
WHERE archived_at IS NOT NULL AND NOT dropped
ORDER BY key
LIMIT %(limit)s

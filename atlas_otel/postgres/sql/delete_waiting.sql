-- What is buried and not yet gone, traces last: their spans without a session have to be found by them.
SELECT id, kind, deletion, row_id FROM atlas_otel.tombstones WHERE NOT done ORDER BY kind, deletion, id LIMIT %(limit)s

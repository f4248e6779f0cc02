SELECT key, lake, spans, events, digest, first_ns, last_ns, row_id, archived_at, dropped
FROM atlas_otel.archived
WHERE archived_at IS NOT NULL AND lake = %(lake)s AND key > %(key)s
ORDER BY key
LIMIT %(limit)s

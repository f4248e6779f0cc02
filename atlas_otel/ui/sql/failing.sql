SELECT session_id, created_at, failures
FROM atlas_otel.session_facts
WHERE failures IS NOT NULL AND clusters IS NULL
ORDER BY session_id DESC
LIMIT %(limit)s

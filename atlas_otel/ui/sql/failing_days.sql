-- Sessions with failures of these days, with the ids of their clusters; the newest are enough for an example of each.
SELECT session_id, created_at, failures
FROM atlas_otel.session_facts
WHERE day >= %(since)s AND day < %(until)s AND failures IS NOT NULL
ORDER BY session_id DESC
LIMIT %(limit)s

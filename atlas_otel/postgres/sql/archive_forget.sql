WITH traces AS (DELETE FROM atlas_otel.archived_traces WHERE session_key = ANY (%(keys)s::text[]))
DELETE FROM atlas_otel.archived WHERE key = ANY (%(keys)s::text[])

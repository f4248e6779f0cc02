-- Sessions of these traces that wait for quiet, or were not projected yet, are over as they are.
UPDATE atlas_otel.sessions
SET settled = TRUE, settles_at = CASE WHEN settles_at IS NOT NULL THEN now() END
WHERE NOT settled AND key IN (
    SELECT session_key FROM atlas_otel.spans WHERE trace_id = ANY (%(ids)s::text[]) AND session_key IS NOT NULL
)

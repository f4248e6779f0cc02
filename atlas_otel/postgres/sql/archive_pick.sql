-- Sessions whose records may go to the lake, the longest quiet first: all that came to them is computed, and nothing
-- came for so long; or they were brought back for what came late, and are quiet again. Whether the lake may hold some
-- of it already.
SELECT held.key, known.key IS NOT NULL
FROM atlas_otel.sessions AS held
LEFT JOIN atlas_otel.archived AS known ON known.key = held.key
WHERE known.archived_at IS NULL
    AND held.revision <= held.projected_revision AND held.settles_at IS NULL AND held.projection_error IS NULL
    AND (held.last_activity < now() - make_interval(secs => %(seconds)s) OR coalesce(known.late, FALSE))
    AND NOT held.key = ANY (%(seen)s::text[])
    AND EXISTS (SELECT FROM atlas_otel.spans WHERE session_key = held.key)
ORDER BY held.last_activity, held.key
LIMIT %(limit)s

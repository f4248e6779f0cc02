-- These sessions and those that share a trace with them: which of them a record of it belongs to, all must be there to say.
WITH RECURSIVE family AS (
    SELECT key COLLATE "C" FROM unnest(%(keys)s::text[]) AS named (key)
    UNION
    SELECT other.session_key
    FROM family
    JOIN atlas_otel.archived_traces AS mine ON mine.session_key = family.key
    JOIN atlas_otel.archived_traces AS other ON other.trace_id = mine.trace_id
)
SELECT family.key, known.lake, known.first_ns, known.last_ns, known.row_id, known.archived_at IS NOT NULL
FROM family
LEFT JOIN atlas_otel.archived AS known ON known.key = family.key
ORDER BY family.key

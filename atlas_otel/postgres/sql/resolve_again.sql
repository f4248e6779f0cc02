-- Has the sessions of these traces found again: those of the sessions given, or all.
UPDATE atlas_otel.traces
SET resolved_revision = 0
WHERE watched AND (
    %(keys)s::text[] IS NULL
    OR trace_id IN (SELECT trace_id FROM atlas_otel.spans WHERE session_key = ANY (%(keys)s::text[]))
)

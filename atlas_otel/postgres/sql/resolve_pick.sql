-- The traces that have waited longest, locked; those that somebody writes to, or resolves, are left for later.
SELECT trace_id FROM atlas_otel.traces
WHERE watched AND revision > resolved_revision AND (%(ids)s::text[] IS NULL OR trace_id = ANY (%(ids)s::text[]))
ORDER BY revision
LIMIT %(limit)s
FOR UPDATE SKIP LOCKED

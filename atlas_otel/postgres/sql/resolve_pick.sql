-- The traces that have waited longest, locked; those that somebody writes to, or resolves, are left for later. Those
-- that an archived session has spans in wait for the archive: what is here does not tell.
SELECT trace_id FROM atlas_otel.traces
WHERE watched AND revision > resolved_revision AND (%(ids)s::text[] IS NULL OR trace_id = ANY (%(ids)s::text[]))
    AND NOT EXISTS (SELECT FROM atlas_otel.archived_traces AS gone WHERE gone.trace_id = traces.trace_id)
ORDER BY revision
LIMIT %(limit)s
FOR UPDATE SKIP LOCKED

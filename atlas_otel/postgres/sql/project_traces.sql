-- The sessions of these traces' records; and of how many traces they are still to be found.
SELECT
    ARRAY(
        SELECT DISTINCT session_key FROM atlas_otel.spans
        WHERE trace_id = ANY (%(ids)s::text[]) AND session_key IS NOT NULL
    ),
    (
        SELECT count(*) FROM atlas_otel.traces
        WHERE trace_id = ANY (%(ids)s::text[]) AND watched AND revision > resolved_revision
            AND NOT EXISTS (SELECT FROM atlas_otel.archived_traces AS gone WHERE gone.trace_id = traces.trace_id)
    )

-- How much there is of these sessions.
SELECT
    (SELECT count(*) FROM atlas_otel.spans WHERE session_key = ANY (%(keys)s::text[])),
    (SELECT count(*) FROM atlas_otel.span_events WHERE session_key = ANY (%(keys)s::text[])),
    (SELECT count(*) FROM public.trajectory_events WHERE session_id = ANY (%(ids)s::bigint[]))

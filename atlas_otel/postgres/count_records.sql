SELECT
    wanted.key,
    (SELECT count(*) FROM atlas_otel.spans WHERE session_key = wanted.key COLLATE "C")
    + (SELECT count(*) FROM atlas_otel.span_events WHERE session_key = wanted.key COLLATE "C")
FROM unnest(%(keys)s::text[]) AS wanted (key)

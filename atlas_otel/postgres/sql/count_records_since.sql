-- Not beyond `most` (NULL: all): whoever asks does not need to know by how much it is more.
SELECT
    wanted.key,
    (
        SELECT count(*)
        FROM (
            SELECT FROM atlas_otel.spans
            WHERE session_key = wanted.key COLLATE "C" AND revision > wanted.since LIMIT %(most)s
        ) AS spans
    )
    + (
        SELECT count(*)
        FROM (
            SELECT FROM atlas_otel.span_events
            WHERE session_key = wanted.key COLLATE "C" AND revision > wanted.since LIMIT %(most)s
        ) AS events
    )
FROM unnest(%(keys)s::text[], %(revisions)s::bigint[]) AS wanted (key, since)

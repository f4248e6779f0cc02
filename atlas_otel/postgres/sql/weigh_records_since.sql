-- How many records each session has since the revision given for it, and the bytes of their texts: sizes alone, nothing
-- is unpacked.
SELECT wanted.key, spans.count + events.count, spans.bytes + events.bytes
FROM unnest(%(keys)s::text[], %(revisions)s::bigint[]) AS wanted (key, since)
CROSS JOIN LATERAL (
    SELECT
        count(*) AS count,
        coalesce(
            sum(octet_length(attributes::text) + coalesce(octet_length(events::text), 0)), 0
        )::bigint AS bytes
    FROM atlas_otel.spans
    WHERE session_key = wanted.key COLLATE "C" AND revision > wanted.since
) AS spans
CROSS JOIN LATERAL (
    SELECT count(*) AS count, coalesce(sum(octet_length(payload::text)), 0)::bigint AS bytes
    FROM atlas_otel.span_events
    WHERE session_key = wanted.key COLLATE "C" AND revision > wanted.since
) AS events

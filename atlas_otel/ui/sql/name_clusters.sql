UPDATE atlas_otel.session_facts AS kept
SET clusters = named.names
FROM (
    SELECT session_id, array_agg(name ORDER BY name) AS names
    FROM unnest(%(ids)s::bigint[], %(names)s::text[]) AS one (session_id, name)
    GROUP BY 1
) AS named
WHERE kept.session_id = named.session_id

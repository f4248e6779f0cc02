-- Scope and names of attributes of the spans in the newest traces that name no session of ours, each once with its count.
SELECT scope, names, count(*)
FROM (
    SELECT scope, ARRAY(SELECT json_object_keys(attributes) ORDER BY 1) AS names
    FROM atlas_otel.spans
    WHERE trace_id IN (SELECT trace_id FROM atlas_otel.traces WHERE watched ORDER BY revision DESC LIMIT %(traces)s)
) AS spans
GROUP BY scope, names

-- What a session's events say of their spans, without payloads: 200 characters of each, and its size.
--
-- #> '{}' gives an event as it is, but unpacked, so that no operator after it unpacks it again; OFFSET 0 keeps the
-- steps apart. COLLATE "C": no language's rules for comparing what is only cut.
SELECT
    id, payload ->> 'event_type', payload ->> 'UUID', event ->> 'parent_id', payload ->> 'name',
    atlas_otel.number_of(payload -> 'event_timestamp'),
    said ->> 'kind', said ->> 'status', said ->> 'span_id', said ->> 'trace_id',
    atlas_otel.number_of(said -> 'step_id')::int, atlas_otel.number_of(said -> 'attempt')::int, said ->> 'actor',
    said ->> 'model', atlas_otel.number_of(payload -> 'usage_info' -> 'prompt_tokens')::bigint,
    atlas_otel.number_of(payload -> 'usage_info' -> 'completion_tokens')::bigint,
    atlas_otel.number_of(said -> 'cost_usd'),
    left(coalesce(data ->> 'output', data ->> 'input', data ->> 'chunk', ''), 200),
    left(coalesce(said -> 'error' ->> 'message', said ->> 'error'), 200), size
FROM (
    SELECT
        unpacked.id, event, event -> 'payload' AS payload, event -> 'payload' -> 'metadata' AS said,
        event -> 'payload' -> 'data' AS data, size
    FROM (
        SELECT stored.id, stored.event #> '{}' AS event, pg_column_size(stored.event #> '{}') AS size
        FROM (SELECT id, event FROM public.trajectory_events WHERE session_id = %(id)s ORDER BY id OFFSET 0) AS stored
        OFFSET 0
    ) AS unpacked
    OFFSET 0
) AS looked
WHERE payload ->> 'event_type' NOT IN ('LLM_NEW_TOKEN', 'SPAN_CHUNK')
ORDER BY id

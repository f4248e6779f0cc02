-- event_type, name and actor stand in event.payload (the Atlas SDK looks for them at the top of event only).
--
-- #> '{{}}' gives an event as it is, but unpacked: otherwise each operator that looks into a compressed value would
-- unpack it again. OFFSET 0 keeps the steps apart: sorted first, while the rows are small, then unpacked, then looked
-- into. LATERAL: as in sizes.sql. The event's text is sent as bytes, which nobody has to decode.
SELECT e.session_id, e.id, convert_to(e.event::text, 'UTF8'), e.created_at,
       coalesce(e.event ->> 'event_type', e.event ->> 'type', e.event #>> '{{payload,event_type}}'),
       coalesce(e.event ->> 'name', e.event #>> '{{payload,name}}'),
       coalesce(e.event ->> 'actor', e.event #>> '{{metadata,actor}}', e.event #>> '{{payload,actor}}',
                e.event #>> '{{payload,metadata,actor}}')
FROM (
    SELECT s.session_id, s.id, s.event #> '{{}}' AS event, s.created_at
    FROM (
        SELECT e.session_id, e.id, e.event, e.created_at
        FROM unnest(%(ids)s::bigint[]) AS wanted (id)
        CROSS JOIN LATERAL (
            SELECT e.session_id, e.id, e.event, e.created_at
            FROM trajectory_events e
            WHERE e.session_id = wanted.id
            {newest}
            OFFSET 0
        ) e
        ORDER BY e.session_id {direction}, e.id
        OFFSET 0
    ) s
    ORDER BY s.session_id {direction}, s.id
    OFFSET 0
) e
ORDER BY e.session_id {direction}, e.id

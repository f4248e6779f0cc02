-- event_type, name and actor stand in event.payload (the Atlas SDK looks for them at the top of event only).
-- jsonb_to_record unpacks a stored value once; five ->> would unpack it five times.
SELECT e.session_id, e.id, e.event, e.created_at,
       coalesce(r.event_type, r.type, r.payload ->> 'event_type'),
       coalesce(r.name, r.payload ->> 'name'),
       coalesce(r.actor, r.metadata ->> 'actor', r.payload ->> 'actor', r.payload -> 'metadata' ->> 'actor')
FROM trajectory_events e
CROSS JOIN LATERAL jsonb_to_record(CASE WHEN jsonb_typeof(e.event) = 'object' THEN e.event ELSE '{{}}' END)
    AS r (event_type text, type text, name text, actor text, metadata jsonb, payload jsonb)
WHERE e.session_id = ANY (%(ids)s::int[])
{newest}
ORDER BY e.session_id, e.id

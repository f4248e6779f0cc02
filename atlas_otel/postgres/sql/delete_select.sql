-- The sessions that a deletion is about, ours and other programs', with those that were opened inside of them. A filter
-- that is NULL is none.
WITH RECURSIVE named AS (
    SELECT ours.key, theirs.id
    FROM public.sessions AS theirs
    FULL JOIN atlas_otel.sessions AS ours ON ours.id = theirs.id
    WHERE (%(keys)s::text[] IS NULL OR ours.key = ANY (%(keys)s::text[]) OR theirs.id = ANY (%(ids)s::bigint[]))
        AND (%(user)s::text IS NULL OR theirs.metadata ->> 'user_id' = %(user)s)
        AND (%(names)s::text[] IS NULL OR NOT EXISTS (
            SELECT FROM unnest(%(names)s::text[], %(values)s::text[]) AS wanted (name, value)
            WHERE theirs.metadata ->> wanted.name IS DISTINCT FROM wanted.value
        ))
        AND (%(before)s::timestamptz IS NULL OR coalesce(theirs.created_at, ours.created_at) < %(before)s)
        AND (%(quiet_since)s::timestamptz IS NULL OR coalesce(ours.last_activity, theirs.created_at) < %(quiet_since)s)
        -- Of ours, and only their records: those whose records are in a lake have none here.
        AND (%(ours_only)s::boolean IS NOT TRUE OR (
            ours.key IS NOT NULL
            AND NOT EXISTS (SELECT FROM atlas_otel.archived AS away WHERE away.key = ours.key AND archived_at IS NOT NULL)
        ))
),
family AS (
    SELECT key, id FROM named
    UNION
    SELECT ours.key, child.id
    FROM family
    JOIN public.sessions AS child ON child.metadata ->> 'parent_session_id' = family.key
    JOIN atlas_otel.sessions AS ours ON ours.id = child.id
    WHERE %(children)s
)
SELECT key, id FROM family ORDER BY id, key

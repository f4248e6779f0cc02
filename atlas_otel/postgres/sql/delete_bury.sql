-- From now on nothing of these sessions is taken; nor of their traces, as far as no other session is in them. A session
-- of another program has no key: it goes by its number.
WITH sessions AS (
    INSERT INTO atlas_otel.tombstones (id, kind, deletion, row_id)
    SELECT coalesce(key, 'row:' || id), 'session', %(deletion)s, CASE WHEN %(rows)s THEN id END
    FROM unnest(%(keys)s::text[], %(ids)s::bigint[]) AS gone (key, id)
    ON CONFLICT (kind, id) DO UPDATE
    SET deletion = excluded.deletion, row_id = excluded.row_id, done = FALSE
    RETURNING id
),
-- A trace that names no session is one by itself, under a key that is made from its id: it is not to begin again.
implicit AS (
    INSERT INTO atlas_otel.tombstones (id, kind, deletion, done)
    SELECT DISTINCT id, 'session', %(deletion)s, TRUE
    FROM unnest(%(implicit)s::text[]) AS implicit (id)
    WHERE NOT id = ANY (%(keys)s::text[])
    ON CONFLICT (kind, id) DO NOTHING
)
INSERT INTO atlas_otel.tombstones (id, kind, deletion)
SELECT trace_id, 'trace', %(deletion)s FROM unnest(%(traces)s::text[]) AS gone (trace_id)
ON CONFLICT (kind, id) DO NOTHING

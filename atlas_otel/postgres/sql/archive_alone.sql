-- As project_pick.sql: nobody computes these sessions' rows while it is settled that their records go.
SELECT pg_advisory_xact_lock(1635019891, hashtext(key))
FROM (SELECT key FROM unnest(%(keys)s::text[]) AS named (key) ORDER BY key) AS ordered

-- What nobody has written to yet is the sender's from now on.
INSERT INTO atlas_otel.senders (kind, id, sender)
SELECT kind, id, %(sender)s
FROM unnest(%(kinds)s::text[], %(ids)s::text[]) AS asked (kind, id)
WHERE NOT CASE kind
    WHEN 'session' THEN EXISTS (SELECT FROM atlas_otel.sessions WHERE key = asked.id)
    ELSE EXISTS (SELECT FROM atlas_otel.traces WHERE trace_id = asked.id)
END
ORDER BY kind, id
ON CONFLICT (kind, id) DO NOTHING

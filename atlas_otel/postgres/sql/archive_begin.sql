-- From now on whoever looks knows that something of these sessions may be in the lake already.
INSERT INTO atlas_otel.archived AS held (key, lake)
SELECT key, %(lake)s FROM unnest(%(keys)s::text[]) AS begun (key)
ON CONFLICT (key) DO UPDATE SET lake = excluded.lake WHERE held.archived_at IS NULL

-- Makes and locks the rows of the sessions in a batch, and gives each its next revision. The keys come sorted, so
-- that two writers lock in the same order. The revision is taken again under the lock where the row was there.
INSERT INTO atlas_otel.sessions AS held (key, revision)
SELECT key, nextval('atlas_otel.revisions')
FROM unnest(%(keys)s::text[]) WITH ORDINALITY AS batch (key, position)
ORDER BY position
ON CONFLICT (key) DO UPDATE
SET revision = nextval('atlas_otel.revisions'), last_activity = clock_timestamp()
RETURNING key, revision

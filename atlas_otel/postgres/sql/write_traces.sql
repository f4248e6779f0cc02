-- Makes and locks the rows of the traces in a batch. They come sorted, and before the sessions: every writer locks in
-- that order. A trace whose records all name their session is only locked.
INSERT INTO atlas_otel.traces AS held (trace_id, watched, revision)
SELECT trace_id, watched, nextval('atlas_otel.revisions')
FROM unnest(%(ids)s::text[], %(watched)s::boolean[]) WITH ORDINALITY AS batch (trace_id, watched, position)
ORDER BY position
ON CONFLICT (trace_id) DO UPDATE
SET watched = TRUE, revision = excluded.revision
WHERE held.watched OR excluded.watched

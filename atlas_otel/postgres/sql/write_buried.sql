-- Which of these sessions and traces were deleted on purpose. Asked when their rows are locked: a deletion that began
-- later waits for this transaction.
SELECT kind, id FROM atlas_otel.tombstones
WHERE (kind, id) IN (SELECT * FROM unnest(%(kinds)s::text[], %(ids)s::text[]))

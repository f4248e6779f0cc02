-- What is in the lake, verified; and what a review said, for when the contract's rows go as well.
UPDATE atlas_otel.archived AS held
SET archived_at = now(), revision = done.revision, spans = done.spans, events = done.events, digest = done.digest,
    first_ns = done.first_ns, last_ns = done.last_ns, dropped = FALSE, late = FALSE,
    drop_rows = %(drop_rows)s AND coalesce(theirs.review_status <> 'pending', FALSE),
    row_id = theirs.id, review_status = theirs.review_status, review_notes = theirs.review_notes
FROM unnest(
    %(keys)s::text[], %(revisions)s::bigint[], %(spans)s::bigint[], %(events)s::bigint[], %(digests)s::bytea[],
    %(firsts)s::bigint[], %(lasts)s::bigint[]
) AS done (key, revision, spans, events, digest, first_ns, last_ns)
JOIN atlas_otel.sessions AS ours ON ours.key = done.key COLLATE "C"
LEFT JOIN public.sessions AS theirs ON theirs.id = ours.id
WHERE held.key = done.key COLLATE "C"

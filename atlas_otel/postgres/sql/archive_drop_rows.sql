-- The contract's rows of a session that was reviewed, unless something came late, or the reviewer changed their mind.
WITH ours AS (
    DELETE FROM atlas_otel.sessions AS held USING atlas_otel.archived AS done
    WHERE held.key = %(key)s AND done.key = held.key AND held.revision <= done.revision
        AND EXISTS (SELECT FROM public.sessions WHERE id = held.id AND review_status <> 'pending')
    RETURNING held.id
),
theirs AS (
    DELETE FROM public.sessions WHERE id IN (SELECT id FROM ours) RETURNING id, review_status, review_notes
)
UPDATE atlas_otel.archived AS done
SET row_id = theirs.id, review_status = theirs.review_status, review_notes = theirs.review_notes
FROM theirs
WHERE done.key = %(key)s

-- What waits for this reviewer: nobody else looks at it, nobody else was asked to, and they have not said their word.
SELECT theirs.id
{from}
WHERE {which}
    AND lower(theirs.review_status) = 'pending' AND theirs.status <> 'running'
    AND theirs.id <> ALL (%(skip)s::bigint[])
    AND (held.assigned_to IS NULL OR held.assigned_to = %(me)s)
    AND NOT coalesce(held.reviewers @> ARRAY[%(me)s::text], FALSE)
    AND NOT EXISTS (
        SELECT FROM atlas_otel.review_reservations AS reserved
        WHERE reserved.session_id = theirs.id AND reserved.reviewer <> %(me)s AND reserved.until > clock_timestamp()
    )
ORDER BY {order}
LIMIT %(limit)s

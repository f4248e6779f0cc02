-- How many there are, each bounded: nobody waits for an exact million.
SELECT
    count(*) AS total,
    count(*) FILTER (WHERE review_status = 'pending') AS pending,
    count(*) FILTER (WHERE review_status = 'approved') AS approved,
    count(*) FILTER (WHERE review_status = 'quarantined') AS quarantined,
    count(*) FILTER (WHERE status = 'running') AS running,
    count(*) FILTER (WHERE status = 'succeeded') AS succeeded,
    count(*) FILTER (WHERE status = 'failed') AS failed,
    count(*) FILTER (WHERE tie) AS ties,
    count(*) FILTER (WHERE changed) AS changed_after_review,
    count(*) FILTER (WHERE assigned_to = %(me)s) AS assigned_to_me
FROM (
    SELECT lower(theirs.review_status) AS review_status, theirs.status, held.tie, held.changed, held.assigned_to
    {from}
    WHERE {which}
    LIMIT %(most)s
) AS counted

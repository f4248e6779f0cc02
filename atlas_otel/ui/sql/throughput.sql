SELECT
    (at AT TIME ZONE 'UTC')::date, reviewer,
    count(*) FILTER (WHERE verdict = 'approved'), count(*) FILTER (WHERE verdict = 'quarantined'),
    count(*) FILTER (WHERE kind = 'correction')
FROM atlas_otel.review_events
WHERE kind IN ('verdict', 'correction') AND via <> 'database'
    AND at >= %(since)s::date::timestamp AT TIME ZONE 'UTC' AND at < %(until)s::date::timestamp AT TIME ZONE 'UTC'
GROUP BY 1, 2

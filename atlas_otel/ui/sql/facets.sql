SELECT dimension, name
FROM (
    SELECT dimension, name, row_number() OVER (PARTITION BY dimension ORDER BY sum(sessions) DESC, name) AS place
    FROM atlas_otel.daily_numbers
    WHERE name IS NOT NULL AND dimension <> 'all'
    GROUP BY dimension, name
) AS used
WHERE place <= 100
UNION ALL
SELECT 'reviewer', reviewer
FROM (SELECT reviewer FROM atlas_otel.review_events WHERE via <> 'database' GROUP BY 1 ORDER BY count(*) DESC LIMIT 100) AS known

-- Deleted sessions of which a lake still holds something. Retention of this database is not the lake's.
SELECT done.lake, array_agg(done.key ORDER BY done.key)
FROM atlas_otel.archived AS done
JOIN atlas_otel.tombstones AS gone ON gone.kind = 'session' AND gone.id = done.key
JOIN atlas_otel.deletions ON deletions.id = gone.deletion
WHERE NOT deletions.retention
GROUP BY done.lake

-- After considered.sql: how many sessions are taken (skipped IS NULL), and how many are left out for each reason.
SELECT skipped, count(*) FROM considered GROUP BY skipped ORDER BY skipped

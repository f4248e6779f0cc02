-- After considered.sql: the complete sessions that are asked for, each with a text that changes when any of its rows
-- does. xmin is the transaction that wrote a row; events are never updated in place, so their ids say it all.
SELECT c.id,
       concat_ws('/', s.xmin, p.xmin, r.seen, a.seen, g.seen, e.seen) AS fingerprint
FROM considered c
JOIN sessions s ON s.id = c.id
LEFT JOIN plans p ON p.session_id = c.id
LEFT JOIN (SELECT session_id, concat(count(*), '.', sum(xmin::text::bigint)) AS seen
           FROM step_results GROUP BY session_id) r ON r.session_id = c.id
LEFT JOIN (SELECT session_id, concat(count(*), '.', sum(xmin::text::bigint)) AS seen
           FROM step_attempts GROUP BY session_id) a ON a.session_id = c.id
LEFT JOIN (SELECT session_id, concat(count(*), '.', sum(xmin::text::bigint)) AS seen
           FROM guidance_notes GROUP BY session_id) g ON g.session_id = c.id
LEFT JOIN (SELECT session_id, concat(count(*), '.', max(id), '.', sum(id)) AS seen
           FROM trajectory_events GROUP BY session_id) e ON e.session_id = c.id
WHERE c.skipped IS NULL AND s.status <> 'running'
ORDER BY c.id

-- After considered.sql: the sessions to export, in order, but for those of one conversation: they stand together, in order
-- of their ids, where the highest of them is. {direction} is ASC or DESC.
, picked AS (SELECT id FROM considered WHERE skipped IS NULL ORDER BY id {direction} LIMIT %(limit)s OFFSET %(offset)s),
named AS (
    SELECT id, nullif(s.metadata ->> 'conversation_id', '') AS conversation FROM picked JOIN sessions s USING (id)
),
placed AS (
    SELECT id,
           CASE WHEN conversation IS NULL THEN id ELSE max(id) OVER same END AS place,
           conversation IS NOT NULL AND count(*) OVER same > 1 AS shared
    FROM named
    WINDOW same AS (PARTITION BY conversation)
)
SELECT id, CASE WHEN shared THEN place END AS conversation FROM placed ORDER BY place {direction}, id

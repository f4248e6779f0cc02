-- After considered.sql: the sessions to export, in order. {direction} is ASC or DESC.
SELECT id FROM considered WHERE skipped IS NULL ORDER BY id {direction} LIMIT %(limit)s OFFSET %(offset)s

-- The sequence is looked up once, and not for each id.
SELECT nextval(found.sequence)
FROM (SELECT pg_get_serial_sequence(%s, 'id')::regclass AS sequence OFFSET 0) AS found
CROSS JOIN generate_series(1, %s)

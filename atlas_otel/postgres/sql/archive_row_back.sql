-- A row of the contract that went with its records, under its old number and with what the reviewer said.
INSERT INTO public.sessions (id, task, review_status, review_notes)
SELECT row_id, '', review_status, review_notes FROM atlas_otel.archived
WHERE key = %(key)s AND row_id IS NOT NULL AND NOT EXISTS (SELECT FROM atlas_otel.sessions WHERE key = %(key)s AND id IS NOT NULL)
ON CONFLICT (id) DO NOTHING
RETURNING id

UPDATE sessions SET review_status = coalesce(%(status)s, review_status), review_notes = coalesce(%(note)s, review_notes)
WHERE id = ANY (%(ids)s::bigint[])

UPDATE sessions SET review_status = %(status)s, review_notes = coalesce(%(note)s, review_notes)
WHERE id = ANY (%(ids)s::int[])

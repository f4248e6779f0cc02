SELECT id FROM sessions WHERE id = ANY (%(ids)s::int[])

SELECT id::text, id FROM sessions WHERE id::text = ANY (%(keys)s::text[])

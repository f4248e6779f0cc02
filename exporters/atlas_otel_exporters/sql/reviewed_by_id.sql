WHERE s.id = ANY (%(ids)s::bigint[]) ORDER BY array_position(%(ids)s::bigint[], s.id)

WHERE s.id = ANY (%(ids)s::int[]) ORDER BY array_position(%(ids)s::int[], s.id)

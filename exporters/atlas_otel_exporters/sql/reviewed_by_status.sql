WHERE lower(s.review_status) = %(status)s ORDER BY s.created_at DESC, s.id DESC LIMIT %(limit)s OFFSET %(offset)s

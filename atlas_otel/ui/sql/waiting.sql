SELECT count(*) FROM (
    SELECT FROM public.sessions WHERE lower(review_status) = 'pending' AND status <> 'running' LIMIT 100000
) AS waiting

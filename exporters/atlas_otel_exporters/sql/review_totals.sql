SELECT lower(review_status), count(*) FROM sessions GROUP BY 1

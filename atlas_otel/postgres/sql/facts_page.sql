SELECT theirs.id
FROM public.sessions AS theirs
WHERE theirs.id > %(after)s AND theirs.status <> 'running' AND (
    %(keys)s::text[] IS NULL OR theirs.id IN (SELECT id FROM atlas_otel.sessions WHERE key = ANY (%(keys)s::text[]))
)
ORDER BY theirs.id
LIMIT %(limit)s

-- Sessions by number or whole key: what most names are.
SELECT named.name, ours.key, coalesce(theirs.id, ours.id)
FROM unnest(%(names)s::text[], %(numbers)s::bigint[]) AS named (name, number)
LEFT JOIN atlas_otel.sessions AS by_key ON by_key.key = named.name COLLATE "C"
LEFT JOIN public.sessions AS theirs ON theirs.id = named.number AND by_key.key IS NULL
LEFT JOIN atlas_otel.sessions AS ours ON ours.key = by_key.key OR ours.id = theirs.id
WHERE by_key.key IS NOT NULL OR theirs.id IS NOT NULL

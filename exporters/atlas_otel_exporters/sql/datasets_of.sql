SELECT made.name, made.format, made.folder, made.content_hash, held.rows, held.session_id, held.session_key
FROM atlas_otel.dataset_sessions AS held
JOIN atlas_otel.datasets AS made ON made.id = held.dataset_id
WHERE held.session_id = ANY (%(ids)s::bigint[]) OR held.session_key = ANY (%(keys)s::text[])
ORDER BY made.id, held.session_id

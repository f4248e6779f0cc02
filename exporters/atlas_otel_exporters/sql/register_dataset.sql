INSERT INTO atlas_otel.datasets (content_hash, name, format, folder, manifest)
VALUES (%(content_hash)s, %(name)s, %(format)s, %(folder)s, %(manifest)s::jsonb)
ON CONFLICT (content_hash) DO UPDATE
SET name = excluded.name, folder = excluded.folder, manifest = excluded.manifest, created_at = NOW()
RETURNING id

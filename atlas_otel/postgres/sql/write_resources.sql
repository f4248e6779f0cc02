INSERT INTO atlas_otel.resources (hash, attributes)
SELECT * FROM unnest(%(hashes)s::bytea[], %(attributes)s::text[]::json[])
ON CONFLICT (hash) DO NOTHING

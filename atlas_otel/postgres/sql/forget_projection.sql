-- Sessions that may have lost records: whoever remembers what it read of them reads all again. Lower each time, so that
-- who projects them just now notices.
UPDATE atlas_otel.sessions SET projected_revision = least(projected_revision, 0) - 1 WHERE key = ANY (%(keys)s::text[])

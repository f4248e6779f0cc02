UPDATE atlas_otel.archived SET dropped = TRUE WHERE key = %(key)s

SELECT DISTINCT lake FROM atlas_otel.archived ORDER BY lake

SELECT table_schema || '.' || table_name AS relation,
    string_agg(column_name || ' ' || data_type, ', ' ORDER BY ordinal_position) AS columns
FROM information_schema.columns
WHERE table_schema IN ('public', 'atlas_otel')
GROUP BY table_schema, table_name
ORDER BY 1

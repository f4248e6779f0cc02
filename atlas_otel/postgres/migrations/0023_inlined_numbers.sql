-- Without settings of their own, the server puts these functions' text in place of a call: ten times as fast.
CREATE OR REPLACE FUNCTION atlas_otel.number_of(value JSONB) RETURNS DOUBLE PRECISION
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN pg_catalog.jsonb_typeof(value) = 'number' AND pg_catalog.abs((value #>> '{}')::numeric) < 1e15
        THEN (value #>> '{}')::float8
    END
$$;

CREATE OR REPLACE FUNCTION atlas_otel.time_bucket(seconds DOUBLE PRECISION) RETURNS INTEGER
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN seconds <= 0.001 THEN 0
        WHEN seconds > 0.001
        THEN least(pg_catalog.ceil(4 * pg_catalog.ln(seconds / 0.001) / pg_catalog.ln(2::float8)), 160)::int
    END
$$;

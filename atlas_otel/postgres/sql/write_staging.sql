-- Where COPY puts a batch before it is joined in. Of this connection only, and empty again after each commit.
CREATE TEMPORARY TABLE IF NOT EXISTS spans_in
    (LIKE atlas_otel.spans INCLUDING COMPRESSION) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS span_events_in
    (LIKE atlas_otel.span_events INCLUDING COMPRESSION) ON COMMIT DELETE ROWS;

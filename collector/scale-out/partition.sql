-- Splits the record into 16 parts by the hash of the trace id. Run once, by the owner, while nobody writes:
--     psql "$ATLAS_OTEL_DATABASE_URL" --set ON_ERROR_STOP=1 --file partition.sql
-- Rights that were granted on the two tables have to be granted again.
BEGIN;
LOCK TABLE atlas_otel.spans, atlas_otel.span_events IN ACCESS EXCLUSIVE MODE;

ALTER TABLE atlas_otel.spans RENAME TO spans_whole;
ALTER TABLE atlas_otel.span_events RENAME TO span_events_whole;

CREATE TABLE atlas_otel.spans (LIKE atlas_otel.spans_whole INCLUDING DEFAULTS INCLUDING COMMENTS INCLUDING COMPRESSION)
PARTITION BY HASH (trace_id);
CREATE TABLE atlas_otel.span_events (
    LIKE atlas_otel.span_events_whole INCLUDING DEFAULTS INCLUDING COMMENTS INCLUDING COMPRESSION
) PARTITION BY HASH (trace_id);

DO $$
BEGIN
    FOR part IN 0..15 LOOP
        EXECUTE format(
            'CREATE TABLE atlas_otel.spans_%s PARTITION OF atlas_otel.spans '
            'FOR VALUES WITH (MODULUS 16, REMAINDER %s)', part, part);
        EXECUTE format(
            'CREATE TABLE atlas_otel.span_events_%s PARTITION OF atlas_otel.span_events '
            'FOR VALUES WITH (MODULUS 16, REMAINDER %s)', part, part);
    END LOOP;
END $$;

INSERT INTO atlas_otel.spans SELECT * FROM atlas_otel.spans_whole;
INSERT INTO atlas_otel.span_events SELECT * FROM atlas_otel.span_events_whole;
DROP TABLE atlas_otel.spans_whole, atlas_otel.span_events_whole;

ALTER TABLE atlas_otel.spans ADD CONSTRAINT spans_pkey PRIMARY KEY (trace_id, span_id);
ALTER TABLE atlas_otel.span_events ADD CONSTRAINT span_events_pkey PRIMARY KEY (trace_id, span_id, sequence);
CREATE INDEX spans_session_idx ON atlas_otel.spans (session_key, revision) WHERE session_key IS NOT NULL;
CREATE INDEX span_events_session_idx ON atlas_otel.span_events (session_key, revision)
WHERE session_key IS NOT NULL;
COMMIT;

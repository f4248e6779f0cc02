-- Which datasets were made of which sessions, so that a session says where it trains. Of a dataset only what its manifest
-- says; of a session only its names and a count.
CREATE TABLE atlas_otel.datasets (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Over the dataset's files: the same selection over the same data is the same dataset.
    content_hash TEXT COLLATE "C" NOT NULL UNIQUE,
    name TEXT NOT NULL,
    format TEXT NOT NULL,
    folder TEXT NOT NULL,
    manifest JSONB NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW()
);
COMMENT ON COLUMN atlas_otel.datasets.folder IS 'where it was made last';

CREATE TABLE atlas_otel.dataset_sessions (
    dataset_id BIGINT NOT NULL REFERENCES atlas_otel.datasets ON DELETE CASCADE,
    -- Of sessions.id, whose row may go: the dataset still holds what it held.
    session_id BIGINT NOT NULL,
    session_key TEXT COLLATE "C",
    rows BIGINT NOT NULL,
    PRIMARY KEY (dataset_id, session_id)
);
CREATE INDEX dataset_sessions_session_idx ON atlas_otel.dataset_sessions (session_id);
CREATE INDEX dataset_sessions_key_idx ON atlas_otel.dataset_sessions (session_key) WHERE session_key IS NOT NULL;

DO $$
DECLARE
    held RECORD;
BEGIN
    FOR held IN
        SELECT grantee, bool_or(privilege_type = 'INSERT') AS writes FROM information_schema.role_table_grants
        WHERE table_schema = 'atlas_otel' AND table_name = 'spans' AND privilege_type IN ('INSERT', 'SELECT')
            AND grantee <> 'PUBLIC'
        GROUP BY grantee
    LOOP
        EXECUTE format('GRANT SELECT ON atlas_otel.datasets, atlas_otel.dataset_sessions TO %I', held.grantee);
        IF held.writes THEN
            EXECUTE format('GRANT INSERT, UPDATE ON atlas_otel.datasets, atlas_otel.dataset_sessions TO %I', held.grantee);
        END IF;
    END LOOP;
END $$;

-- Sessions whose records are in a lake (atlas-otel lake archive). Their rows are no longer computed from what is here.
CREATE TABLE atlas_otel.archived (
    key TEXT COLLATE "C" PRIMARY KEY,
    lake TEXT NOT NULL,
    -- NULL while its records are being copied, and again once they were brought back: it is computed here as any other.
    archived_at TIMESTAMPTZ,
    -- The records up to this revision are in the lake; what came later is late.
    revision BIGINT NOT NULL DEFAULT 0,
    spans BIGINT NOT NULL DEFAULT 0,
    events BIGINT NOT NULL DEFAULT 0,
    digest BYTEA,
    -- When its records began, first and last: where in the lake to look for them.
    first_ns BIGINT,
    last_ns BIGINT,
    -- Whether the records are gone from here, and the contract's rows are to go or are gone.
    dropped BOOLEAN NOT NULL DEFAULT FALSE,
    drop_rows BOOLEAN NOT NULL DEFAULT FALSE,
    -- Brought back because of what came late: archived again as soon as it is quiet.
    late BOOLEAN NOT NULL DEFAULT FALSE,
    row_id BIGINT,
    review_status TEXT,
    review_notes TEXT
);
CREATE INDEX archived_undropped_idx ON atlas_otel.archived (key) WHERE NOT dropped AND archived_at IS NOT NULL;
COMMENT ON TABLE atlas_otel.archived IS 'sessions whose records are in a lake';

-- The traces that these sessions have spans in: what comes of them later, and names no session, waits for the archive.
CREATE TABLE atlas_otel.archived_traces (
    trace_id TEXT COLLATE "C" NOT NULL,
    session_key TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (trace_id, session_key)
);
CREATE INDEX archived_traces_session_idx ON atlas_otel.archived_traces (session_key);

DO $$
DECLARE
    writer RECORD;
BEGIN
    FOR writer IN
        SELECT DISTINCT grantee FROM information_schema.role_table_grants
        WHERE table_schema = 'atlas_otel' AND table_name = 'spans' AND privilege_type IN ('INSERT', 'SELECT')
            AND grantee <> 'PUBLIC'
    LOOP
        EXECUTE format('GRANT SELECT ON atlas_otel.archived, atlas_otel.archived_traces TO %I', writer.grantee);
    END LOOP;
END $$;

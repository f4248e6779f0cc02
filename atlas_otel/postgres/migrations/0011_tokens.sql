-- Who may send to `atlas-otel collect`: a token each, of which only the SHA-256 is here.
CREATE TABLE atlas_otel.tokens (
    name TEXT COLLATE "C" PRIMARY KEY,
    hash BYTEA NOT NULL UNIQUE,
    scopes TEXT[] NOT NULL DEFAULT '{}',
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    expires_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ
);
COMMENT ON COLUMN atlas_otel.tokens.scopes IS 'govern: its word on governance counts; any-session: it may write into any';

-- Which sender a session, or a trace, belongs to: who wrote into it first.
CREATE TABLE atlas_otel.senders (
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('session', 'trace')),
    id TEXT COLLATE "C" NOT NULL,
    sender TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    PRIMARY KEY (kind, id)
);

DO $$
DECLARE
    writer RECORD;
BEGIN
    FOR writer IN
        SELECT DISTINCT grantee FROM information_schema.role_table_grants
        WHERE table_schema = 'atlas_otel' AND table_name = 'spans' AND privilege_type = 'INSERT'
            AND grantee <> 'PUBLIC'
    LOOP
        EXECUTE format('GRANT SELECT ON atlas_otel.tokens TO %I', writer.grantee);
        EXECUTE format('GRANT SELECT, INSERT ON atlas_otel.senders TO %I', writer.grantee);
    END LOOP;
END $$;

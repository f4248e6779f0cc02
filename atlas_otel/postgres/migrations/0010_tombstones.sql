-- What was deleted on purpose, so that late spans and rewards, the spool and a rebuild do not bring it back. Only ids:
-- nothing of what the session held.
CREATE TABLE atlas_otel.tombstones (
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('session', 'trace')),
    id TEXT COLLATE "C" NOT NULL,
    deletion BIGINT NOT NULL,
    -- The row of the contract to go as well; NULL where there is none, or where it stays (db retain --records).
    row_id BIGINT,
    done BOOLEAN NOT NULL DEFAULT FALSE,
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    PRIMARY KEY (kind, id)
);
CREATE INDEX tombstones_waiting_idx ON atlas_otel.tombstones (deletion, id) WHERE NOT done;
COMMENT ON TABLE atlas_otel.tombstones IS 'sessions and traces of which nothing is taken any more';

CREATE TABLE atlas_otel.deletions (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Sessions that only their retention ended are forgotten themselves after a while.
    retention BOOLEAN NOT NULL,
    began_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    ended_at TIMESTAMPTZ,
    removed JSONB NOT NULL DEFAULT '{}'
);
COMMENT ON COLUMN atlas_otel.deletions.removed IS 'how much of what is gone so far';

-- What writes asks whether something was deleted. Whoever may write may know that.
DO $$
DECLARE
    writer RECORD;
BEGIN
    FOR writer IN
        SELECT DISTINCT grantee FROM information_schema.role_table_grants
        WHERE table_schema = 'atlas_otel' AND table_name = 'spans' AND privilege_type IN ('INSERT', 'SELECT')
            AND grantee <> 'PUBLIC'
    LOOP
        EXECUTE format('GRANT SELECT ON atlas_otel.tombstones TO %I', writer.grantee);
    END LOOP;
END $$;

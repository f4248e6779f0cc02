-- What the review queue and the plots know of a session that is over, so that neither reads payloads: one narrow row,
-- kept as sessions are projected (keep_facts.sql), and numbers by day, folded from those rows (fold_day.sql).

CREATE FUNCTION atlas_otel.number_of(value JSONB) RETURNS DOUBLE PRECISION
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN jsonb_typeof(value) = 'number' AND abs((value #>> '{}')::numeric) < 1e15
        THEN (value #>> '{}')::float8
    END
$$;
COMMENT ON FUNCTION atlas_otel.number_of IS 'a JSON number; NULL for anything else, and for what no one counts to';

CREATE FUNCTION atlas_otel.texts_of(value JSONB) RETURNS TEXT[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(array_agg(DISTINCT entry #>> '{}'), '{}')
    FROM jsonb_array_elements(CASE jsonb_typeof(value) WHEN 'array' THEN value ELSE '[]' END) AS entry
    WHERE jsonb_typeof(entry) = 'string'
$$;

-- Quarters of powers of two, from a millisecond up: percentiles within 9 % out of counts that can be added.
CREATE FUNCTION atlas_otel.time_bucket(seconds DOUBLE PRECISION) RETURNS INTEGER
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN seconds <= 0.001 THEN 0
        WHEN seconds > 0.001 THEN least(ceil(4 * ln(seconds / 0.001) / ln(2)), 160)::int
    END
$$;

CREATE TABLE atlas_otel.session_facts (
    session_id BIGINT PRIMARY KEY REFERENCES public.sessions (id) ON DELETE CASCADE,
    -- The session's changed_revision that this was computed at; 0 for a session of another program.
    revision BIGINT NOT NULL,
    -- Which transaction wrote it: what a fold has not seen is what later ones wrote.
    written BIGINT NOT NULL DEFAULT txid_current(),
    day DATE NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    status TEXT NOT NULL,
    agent TEXT,
    learning_key TEXT,
    tags TEXT[] NOT NULL,
    models TEXT[] NOT NULL,
    tools TEXT[] NOT NULL,
    score DOUBLE PRECISION,
    spread DOUBLE PRECISION,
    seconds DOUBLE PRECISION,
    steps INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    retries INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    guided INTEGER NOT NULL,
    improved INTEGER NOT NULL,
    gain DOUBLE PRECISION,
    compared INTEGER NOT NULL,
    input_tokens BIGINT,
    output_tokens BIGINT,
    cost_usd DOUBLE PRECISION,
    -- Model and tool calls.
    length INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    -- [[kind, name, calls, failed, input_tokens, output_tokens, cost_usd, {time bucket: calls}], …]
    calls JSONB NOT NULL,
    -- [[event_type, name, uuid, parent, error type, the beginning of its message], …], as they ended
    failures JSONB,
    -- Ids of the failures' clusters, once somebody looked (NULL: nobody has).
    clusters TEXT[],
    reasons TEXT[] NOT NULL,
    attention INTEGER NOT NULL
);
CREATE INDEX session_facts_day_idx ON atlas_otel.session_facts (day);
CREATE INDEX session_facts_written_idx ON atlas_otel.session_facts (written);
CREATE INDEX session_facts_attention_idx ON atlas_otel.session_facts (attention DESC, session_id DESC);
CREATE INDEX session_facts_agent_idx ON atlas_otel.session_facts ((coalesce(agent, '')), created_at DESC);
CREATE INDEX session_facts_failures_idx ON atlas_otel.session_facts (session_id)
    WHERE failures IS NOT NULL AND clusters IS NULL;
CREATE INDEX session_facts_clusters_idx ON atlas_otel.session_facts USING gin (clusters) WHERE clusters IS NOT NULL;
COMMENT ON TABLE atlas_otel.session_facts IS 'of each session that is over, what the queue and the plots show';

-- Numbers of one day: of all sessions (dimension all, name ''), and of those of one agent, model, tool, learning key or
-- tag. The largest 200 names of a day by themselves, the others together (name NULL).
CREATE TABLE atlas_otel.daily_numbers (
    day DATE NOT NULL,
    dimension TEXT NOT NULL CHECK (dimension IN ('all', 'agent', 'model', 'tool', 'learning_key', 'tag')),
    name TEXT,
    sessions BIGINT NOT NULL,
    succeeded BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    rewarded BIGINT NOT NULL,
    reward_sum DOUBLE PRECISION NOT NULL,
    reward_squares DOUBLE PRECISION NOT NULL,
    retries BIGINT NOT NULL,
    rejected BIGINT NOT NULL,
    guided BIGINT NOT NULL,
    improved BIGINT NOT NULL,
    gain DOUBLE PRECISION NOT NULL,
    compared BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    cost_usd DOUBLE PRECISION,
    calls BIGINT,
    failed_calls BIGINT,
    buckets JSONB NOT NULL
);
CREATE UNIQUE INDEX daily_numbers_key ON atlas_otel.daily_numbers (day, dimension, coalesce(name, E'\x01'));
COMMENT ON TABLE atlas_otel.daily_numbers IS 'folded from session_facts; by model and tool: tokens, cost and times of its calls';

-- Days that lost sessions, and up to which transaction the fold has seen session_facts.
CREATE TABLE atlas_otel.days_to_fold (day DATE NOT NULL, written BIGINT NOT NULL DEFAULT txid_current());
CREATE TABLE atlas_otel.folded (
    one BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (one),
    written BIGINT NOT NULL,
    at TIMESTAMPTZ NOT NULL
);

-- However a session goes (deleted, retained, by another program's SQL), its day is folded again.
CREATE FUNCTION atlas_otel.facts_gone() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO atlas_otel.days_to_fold (day) SELECT DISTINCT day FROM gone;
    RETURN NULL;
END $$;
CREATE TRIGGER session_facts_gone AFTER DELETE ON atlas_otel.session_facts
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION atlas_otel.facts_gone();

DO $$
DECLARE
    held RECORD;
BEGIN
    FOR held IN
        SELECT DISTINCT grantee, privilege_type FROM information_schema.role_table_grants
        WHERE table_schema = 'atlas_otel' AND table_name = 'spans' AND privilege_type IN ('INSERT', 'SELECT')
            AND grantee <> 'PUBLIC'
    LOOP
        EXECUTE format('GRANT SELECT ON atlas_otel.session_facts, atlas_otel.daily_numbers, atlas_otel.folded TO %I',
            held.grantee);
        IF held.privilege_type = 'INSERT' THEN
            EXECUTE format('GRANT INSERT, UPDATE ON atlas_otel.session_facts TO %I', held.grantee);
        END IF;
    END LOOP;
END $$;

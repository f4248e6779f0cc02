-- Our record: every span and event once, and what has been computed from them.
-- The schema atlas_otel itself is made by the migrator, which keeps its own table there.

-- Numbers the writes of all sessions. A session's own revisions rise in the order of their commits, because its row
-- is locked while one is taken; a row that was deleted and made again never goes back.
CREATE SEQUENCE atlas_otel.revisions;

CREATE TABLE atlas_otel.sessions (
    key TEXT COLLATE "C" PRIMARY KEY,
    -- NULL until first projected, and again where somebody deleted the row: the next projection makes a new one.
    id INTEGER UNIQUE REFERENCES public.sessions (id) ON DELETE SET NULL,
    revision BIGINT NOT NULL,
    projected_revision BIGINT NOT NULL DEFAULT 0,
    -- Of the last projection that changed a row of the contract: what a reader that follows looks at.
    changed_revision BIGINT NOT NULL DEFAULT 0,
    projection_error TEXT,
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    last_activity TIMESTAMPTZ NOT NULL DEFAULT NOW()
);
COMMENT ON COLUMN atlas_otel.sessions.revision IS 'of the latest write of a record of this session';
COMMENT ON COLUMN atlas_otel.sessions.projected_revision IS 'up to which records stand in the contract''s rows';
COMMENT ON COLUMN atlas_otel.sessions.projection_error IS 'why its rows could not be computed from its records';
-- By revision, so that the session that has waited longest is projected first.
CREATE INDEX sessions_dirty_idx ON atlas_otel.sessions (revision) WHERE revision > projected_revision;

-- OTel resources, once each: a process' resource stands on each of its spans.
CREATE TABLE atlas_otel.resources (
    hash BYTEA PRIMARY KEY,
    attributes JSON NOT NULL
);

CREATE TABLE atlas_otel.spans (
    trace_id TEXT COLLATE "C" NOT NULL,
    span_id TEXT COLLATE "C" NOT NULL,
    parent_span_id TEXT COLLATE "C",
    session_key TEXT COLLATE "C",
    revision BIGINT,
    name TEXT NOT NULL,
    kind TEXT,
    span_kind SMALLINT NOT NULL,
    start_ns BIGINT NOT NULL,
    end_ns BIGINT,
    status SMALLINT NOT NULL,
    status_message TEXT,
    scope TEXT NOT NULL,
    resource_hash BYTEA NOT NULL,
    rank SMALLINT NOT NULL,
    version BIGINT NOT NULL,
    content_hash BYTEA NOT NULL,
    dropped_attributes INTEGER NOT NULL,
    dropped_events INTEGER NOT NULL,
    dropped_links INTEGER NOT NULL,
    -- JSON, not JSONB: handed back exactly as it came (1e22, -0.0, the order of keys), and cheaper to write.
    attributes JSON NOT NULL,
    events JSON,
    links JSON,
    PRIMARY KEY (trace_id, span_id)
);
COMMENT ON COLUMN atlas_otel.spans.revision IS 'of the session''s write that stored this row; NULL without a session';
CREATE INDEX spans_session_idx ON atlas_otel.spans (session_key, revision) WHERE session_key IS NOT NULL;

CREATE TABLE atlas_otel.span_events (
    trace_id TEXT COLLATE "C" NOT NULL,
    span_id TEXT COLLATE "C" NOT NULL,
    sequence BIGINT NOT NULL,
    session_key TEXT COLLATE "C",
    revision BIGINT,
    name TEXT COLLATE "C" NOT NULL,
    payload JSON NOT NULL,
    PRIMARY KEY (trace_id, span_id, sequence)
);
CREATE INDEX span_events_session_idx ON atlas_otel.span_events (session_key, revision)
    WHERE session_key IS NOT NULL;

-- Which event of a projection each row of trajectory_events is, so that a later projection rewrites only what
-- differs, from the first difference on.
CREATE TABLE atlas_otel.trajectory (
    session_id INTEGER NOT NULL REFERENCES public.sessions (id) ON DELETE CASCADE,
    time_ns BIGINT NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    content_hash BYTEA NOT NULL,
    event_id INTEGER NOT NULL,
    PRIMARY KEY (session_id, time_ns, key)
);

-- Removes rows of ours that a projection no longer has. A function, so that the role that writes needs no DELETE; it
-- removes nothing of a session that is not in atlas_otel.sessions.
CREATE FUNCTION atlas_otel.remove_rows(relation TEXT, sessions INTEGER[], steps INTEGER[], numbers INTEGER[])
RETURNS VOID LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF relation = 'step_results' THEN
        DELETE FROM public.step_results AS stored
        USING unnest(sessions, steps) AS gone (session_id, step_id)
        WHERE stored.session_id = gone.session_id AND stored.step_id = gone.step_id
            AND EXISTS (SELECT FROM atlas_otel.sessions WHERE id = stored.session_id);
    ELSIF relation = 'step_attempts' THEN
        DELETE FROM public.step_attempts AS stored
        USING unnest(sessions, steps, numbers) AS gone (session_id, step_id, number)
        WHERE stored.session_id = gone.session_id AND stored.step_id = gone.step_id
            AND stored.attempt = gone.number
            AND EXISTS (SELECT FROM atlas_otel.sessions WHERE id = stored.session_id);
    ELSIF relation = 'guidance_notes' THEN
        DELETE FROM public.guidance_notes AS stored
        USING unnest(sessions, steps, numbers) AS gone (session_id, step_id, number)
        WHERE stored.session_id = gone.session_id AND stored.step_id = gone.step_id
            AND stored.sequence = gone.number
            AND EXISTS (SELECT FROM atlas_otel.sessions WHERE id = stored.session_id);
    ELSE
        RAISE EXCEPTION 'nothing is removed from %', relation;
    END IF;
END $$;

CREATE FUNCTION atlas_otel.remove_events(events INTEGER[], sessions INTEGER[], times BIGINT[], keys TEXT[])
RETURNS VOID LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM atlas_otel.trajectory AS known
    USING unnest(sessions, times, keys) AS gone (session_id, time_ns, key)
    WHERE known.session_id = gone.session_id AND known.time_ns = gone.time_ns
        AND known.key = gone.key COLLATE "C";
    DELETE FROM public.trajectory_events AS stored
    WHERE id = ANY (events) AND EXISTS (SELECT FROM atlas_otel.sessions WHERE id = stored.session_id);
END $$;
REVOKE ALL ON FUNCTION atlas_otel.remove_rows, atlas_otel.remove_events FROM PUBLIC;

-- Records that this database refused for good, so that the others could go on.
CREATE TABLE atlas_otel.poison (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    record BYTEA NOT NULL,
    reason TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW()
);

-- lz4 where the server has it: it compresses at twice the rate of the default, which bounds how fast spans go in.
DO $$
DECLARE
    wide RECORD;
BEGIN
    IF EXISTS (SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)) THEN
        FOR wide IN
            SELECT attrelid::regclass AS relation, attname AS field
            FROM pg_attribute
            WHERE (attrelid, attname) IN (
                ('atlas_otel.spans'::regclass, 'attributes'), ('atlas_otel.spans'::regclass, 'events'),
                ('atlas_otel.spans'::regclass, 'links'), ('atlas_otel.span_events'::regclass, 'payload')
            )
        LOOP
            EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET COMPRESSION lz4', wide.relation, wide.field);
        END LOOP;
    END IF;
END $$;

-- Which session a record belongs to where it names none itself: found through its trace (trace_sessions.py).

ALTER TABLE atlas_otel.spans ADD COLUMN resolved BOOLEAN;
COMMENT ON COLUMN atlas_otel.spans.resolved IS 'true: session_key was found through the trace; NULL: the record named it';
ALTER TABLE atlas_otel.span_events ADD COLUMN resolved BOOLEAN;
COMMENT ON COLUMN atlas_otel.span_events.resolved IS 'as of spans';

ALTER TABLE atlas_otel.sessions ADD COLUMN implicit BOOLEAN NOT NULL DEFAULT FALSE;
COMMENT ON COLUMN atlas_otel.sessions.implicit IS 'a trace that names no session is one: gone when it turns out to be of another';

-- Who writes records of a trace, or finds out their sessions, locks its row first: then neither misses the other.
CREATE TABLE atlas_otel.traces (
    trace_id TEXT COLLATE "C" PRIMARY KEY,
    -- Whether a record of the trace, or a late reward for it, names no session: what comes into it may then tell.
    watched BOOLEAN NOT NULL,
    revision BIGINT NOT NULL,
    resolved_revision BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX traces_dirty_idx ON atlas_otel.traces (revision) WHERE watched AND revision > resolved_revision;

-- Rewards that came late and name a trace, and no session.
CREATE TABLE atlas_otel.late_rewards (
    trace_id TEXT COLLATE "C" NOT NULL,
    span_id TEXT COLLATE "C" NOT NULL,
    target_trace_id TEXT COLLATE "C" NOT NULL,
    target_span_id TEXT COLLATE "C",
    PRIMARY KEY (trace_id, span_id)
);
CREATE INDEX late_rewards_target_idx ON atlas_otel.late_rewards (target_trace_id);

INSERT INTO atlas_otel.traces (trace_id, watched, revision)
SELECT trace_id, TRUE, nextval('atlas_otel.revisions')
FROM (
    SELECT trace_id FROM atlas_otel.spans WHERE session_key IS NULL
    UNION
    SELECT trace_id FROM atlas_otel.span_events WHERE session_key IS NULL
) AS nameless;

-- Removes what is left of implicit sessions whose records all turned out to be another's. A function, so that the role
-- that writes needs no DELETE.
CREATE FUNCTION atlas_otel.remove_emptied(keys TEXT[])
RETURNS VOID LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    emptied TEXT[];
BEGIN
    SELECT array_agg(key) INTO emptied
    FROM atlas_otel.sessions
    WHERE key = ANY (keys) AND implicit
        AND NOT EXISTS (SELECT FROM atlas_otel.spans WHERE session_key = sessions.key)
        AND NOT EXISTS (SELECT FROM atlas_otel.span_events WHERE session_key = sessions.key);
    DELETE FROM public.sessions WHERE id IN (SELECT id FROM atlas_otel.sessions WHERE key = ANY (emptied));
    DELETE FROM atlas_otel.sessions WHERE key = ANY (emptied);
END $$;
REVOKE ALL ON FUNCTION atlas_otel.remove_emptied FROM PUBLIC;

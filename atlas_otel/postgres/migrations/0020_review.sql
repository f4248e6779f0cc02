-- Review as what reviewers did: each event is appended and stays. What they come to (atlas_otel/review/rule.py) stands
-- in the contract's review_status and review_notes, and beside them in atlas_otel.reviews for whoever filters by it.

CREATE TABLE atlas_otel.review_events (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session_id BIGINT NOT NULL REFERENCES public.sessions (id) ON DELETE CASCADE,
    at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    reviewer TEXT NOT NULL,
    via TEXT NOT NULL CHECK (via IN ('page', 'command', 'assistant', 'database')),
    -- The session's changed_revision as the reviewer saw it; 0 for a session of another program.
    revision BIGINT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN (
        'verdict', 'score', 'note', 'tag', 'untag', 'correction', 'exclude', 'include', 'assign', 'undo'
    )),
    verdict TEXT CHECK (verdict IN ('approved', 'quarantined', 'pending')),
    final BOOLEAN NOT NULL DEFAULT FALSE,
    -- How many verdicts the rubric asked for then.
    needed SMALLINT NOT NULL DEFAULT 1,
    criterion TEXT,
    score DOUBLE PRECISION,
    step_id INTEGER,
    span_id TEXT COLLATE "C",
    text TEXT,
    undoes BIGINT REFERENCES atlas_otel.review_events (id) ON DELETE CASCADE
);
CREATE INDEX review_events_session_idx ON atlas_otel.review_events (session_id, id);
CREATE INDEX review_events_undoes_idx ON atlas_otel.review_events (undoes) WHERE undoes IS NOT NULL;
CREATE INDEX review_events_at_idx ON atlas_otel.review_events (at) WHERE kind IN ('verdict', 'correction');
COMMENT ON TABLE atlas_otel.review_events IS 'what reviewers did, appended only';

CREATE TABLE atlas_otel.reviews (
    session_id BIGINT PRIMARY KEY REFERENCES public.sessions (id) ON DELETE CASCADE,
    revision BIGINT NOT NULL,
    last_event BIGINT NOT NULL,
    status TEXT NOT NULL,
    notes TEXT,
    verdicts SMALLINT NOT NULL,
    needed SMALLINT NOT NULL,
    tie BOOLEAN NOT NULL,
    changed BOOLEAN NOT NULL DEFAULT FALSE,
    assigned_to TEXT,
    tags TEXT[] NOT NULL DEFAULT '{}',
    reviewers TEXT[] NOT NULL DEFAULT '{}'
);
CREATE INDEX reviews_assigned_idx ON atlas_otel.reviews (assigned_to) WHERE assigned_to IS NOT NULL;
CREATE INDEX reviews_waiting_idx ON atlas_otel.reviews (session_id) WHERE tie OR changed;
COMMENT ON TABLE atlas_otel.reviews IS 'what the events of a session come to; can be computed again from them';

-- Who looks at a session just now.
CREATE TABLE atlas_otel.review_reservations (
    session_id BIGINT PRIMARY KEY REFERENCES public.sessions (id) ON DELETE CASCADE,
    reviewer TEXT NOT NULL,
    until TIMESTAMPTZ NOT NULL
);

CREATE TABLE atlas_otel.review_filters (
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    shared BOOLEAN NOT NULL,
    filter JSONB NOT NULL,
    PRIMARY KEY (owner, name)
);

-- Whoever may set a review status may record why, and nobody else; nobody changes or removes an event. Thus these
-- functions, which ask for that right.
CREATE FUNCTION atlas_otel.may_review() RETURNS BOOLEAN
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT has_column_privilege(session_user, 'public.sessions', 'review_status', 'UPDATE') $$;

-- The rows are locked until the transaction ends: the contract's first, as a projection does.
CREATE FUNCTION atlas_otel.review_lock(ids BIGINT[])
RETURNS TABLE (session_id BIGINT, review_status TEXT, review_notes TEXT, revision BIGINT)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT atlas_otel.may_review() THEN
        RAISE insufficient_privilege USING MESSAGE = 'permission denied: this role may not update review_status of public.sessions';
    END IF;
    PERFORM FROM public.sessions AS theirs WHERE theirs.id = ANY (ids) ORDER BY theirs.id FOR UPDATE;
    PERFORM FROM atlas_otel.sessions AS ours WHERE ours.id = ANY (ids) ORDER BY ours.key FOR UPDATE;
    RETURN QUERY
    SELECT theirs.id, theirs.review_status, theirs.review_notes, coalesce(ours.changed_revision, 0)
    FROM public.sessions AS theirs LEFT JOIN atlas_otel.sessions AS ours ON ours.id = theirs.id
    WHERE theirs.id = ANY (ids);
END $$;

CREATE FUNCTION atlas_otel.review_append(events JSONB)
RETURNS SETOF atlas_otel.review_events
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT atlas_otel.may_review() THEN
        RAISE insufficient_privilege USING MESSAGE = 'permission denied: this role may not update review_status of public.sessions';
    END IF;
    RETURN QUERY
    INSERT INTO atlas_otel.review_events (
        session_id, reviewer, via, revision, kind, verdict, final, needed, criterion, score, step_id, span_id, text,
        undoes
    )
    SELECT
        given.session_id, given.reviewer, given.via, given.revision, given.kind, given.verdict, given.final,
        given.needed, given.criterion, given.score, given.step_id, given.span_id, given.text, given.undoes
    FROM ROWS FROM (jsonb_to_recordset(events) AS (
        session_id BIGINT, reviewer TEXT, via TEXT, revision BIGINT, kind TEXT, verdict TEXT, final BOOLEAN,
        needed SMALLINT, criterion TEXT, score DOUBLE PRECISION, step_id INTEGER, span_id TEXT, text TEXT,
        undoes BIGINT
    )) WITH ORDINALITY AS given
    ORDER BY ordinality
    RETURNING review_events.*;
END $$;

CREATE FUNCTION atlas_otel.review_settle(states JSONB)
RETURNS VOID LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT atlas_otel.may_review() THEN
        RAISE insufficient_privilege USING MESSAGE = 'permission denied: this role may not update review_status of public.sessions';
    END IF;
    INSERT INTO atlas_otel.reviews (
        session_id, revision, last_event, status, notes, verdicts, needed, tie, changed, assigned_to, tags, reviewers
    )
    SELECT session_id, revision, last_event, status, notes, verdicts, needed, tie, changed, assigned_to, tags, reviewers
    FROM jsonb_to_recordset(states) AS given (
        session_id BIGINT, revision BIGINT, last_event BIGINT, status TEXT, notes TEXT, verdicts SMALLINT,
        needed SMALLINT, tie BOOLEAN, changed BOOLEAN, assigned_to TEXT, tags TEXT[], reviewers TEXT[]
    )
    ON CONFLICT (session_id) DO UPDATE
    SET revision = excluded.revision, last_event = excluded.last_event, status = excluded.status,
        notes = excluded.notes, verdicts = excluded.verdicts, needed = excluded.needed, tie = excluded.tie,
        changed = excluded.changed, assigned_to = excluded.assigned_to, tags = excluded.tags,
        reviewers = excluded.reviewers;
    UPDATE public.sessions AS theirs
    SET review_status = given.status, review_notes = given.notes
    FROM jsonb_to_recordset(states) AS given (session_id BIGINT, status TEXT, notes TEXT)
    WHERE theirs.id = given.session_id
        AND (theirs.review_status, theirs.review_notes) IS DISTINCT FROM (given.status, given.notes);
END $$;

-- Reserves a session for a reviewer, unless another one has it; who has it.
CREATE FUNCTION atlas_otel.review_reserve(session BIGINT, who TEXT, seconds DOUBLE PRECISION)
RETURNS TABLE (reviewer TEXT, until TIMESTAMPTZ)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT atlas_otel.may_review() THEN
        RAISE insufficient_privilege USING MESSAGE = 'permission denied: this role may not update review_status of public.sessions';
    END IF;
    INSERT INTO atlas_otel.review_reservations AS held (session_id, reviewer, until)
    VALUES (session, who, clock_timestamp() + make_interval(secs => seconds))
    ON CONFLICT (session_id) DO UPDATE SET reviewer = excluded.reviewer, until = excluded.until
    WHERE held.reviewer = excluded.reviewer OR held.until <= clock_timestamp();
    RETURN QUERY SELECT held.reviewer, held.until FROM atlas_otel.review_reservations AS held
    WHERE held.session_id = session;
END $$;

CREATE FUNCTION atlas_otel.review_release(session BIGINT, who TEXT)
RETURNS VOID LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT atlas_otel.may_review() THEN
        RAISE insufficient_privilege USING MESSAGE = 'permission denied: this role may not update review_status of public.sessions';
    END IF;
    DELETE FROM atlas_otel.review_reservations WHERE session_id = session AND reviewer = who;
END $$;

CREATE FUNCTION atlas_otel.review_keep_filter(who TEXT, called TEXT, for_all BOOLEAN, kept JSONB)
RETURNS VOID LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT atlas_otel.may_review() THEN
        RAISE insufficient_privilege USING MESSAGE = 'permission denied: this role may not update review_status of public.sessions';
    END IF;
    IF kept IS NULL THEN
        DELETE FROM atlas_otel.review_filters WHERE owner = who AND name = called;
    ELSE
        INSERT INTO atlas_otel.review_filters (owner, name, shared, filter) VALUES (who, called, for_all, kept)
        ON CONFLICT (owner, name) DO UPDATE SET shared = excluded.shared, filter = excluded.filter;
    END IF;
END $$;

-- A session whose rows changed after its review waits again: no verdict on what it was counts any more. For whoever
-- projects, after it has locked the session's row in atlas_otel.sessions. Whoever calls it brings about nothing but that.
CREATE FUNCTION atlas_otel.review_reopen(ids BIGINT[])
RETURNS VOID LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH reopened AS (
        UPDATE atlas_otel.reviews AS held
        SET changed = TRUE, status = 'pending', verdicts = 0, tie = FALSE, reviewers = '{}'
        FROM atlas_otel.sessions AS ours
        WHERE held.session_id = ANY (ids) AND ours.id = held.session_id AND held.verdicts > 0
            AND ours.changed_revision > held.revision
        RETURNING held.session_id
    )
    UPDATE public.sessions SET review_status = 'pending'
    WHERE id IN (SELECT session_id FROM reopened) AND review_status <> 'pending'
$$;

DO $$
DECLARE
    reader RECORD;
BEGIN
    FOR reader IN
        SELECT DISTINCT grantee FROM information_schema.role_table_grants
        WHERE table_schema = 'atlas_otel' AND table_name = 'spans' AND privilege_type = 'SELECT'
            AND grantee <> 'PUBLIC'
    LOOP
        EXECUTE format(
            'GRANT SELECT ON atlas_otel.review_events, atlas_otel.reviews, atlas_otel.review_reservations, '
            'atlas_otel.review_filters TO %I', reader.grantee
        );
    END LOOP;
END $$;

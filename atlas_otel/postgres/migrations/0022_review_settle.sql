-- A correction or an excluded call changes what a session trains, also where it changes no review column: whoever
-- follows the sessions (export --follow, a dataset that goes on) looks at the row again.
CREATE OR REPLACE FUNCTION atlas_otel.review_settle(states JSONB)
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
    WHERE theirs.id = given.session_id;
END $$;

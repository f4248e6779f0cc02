-- writers: 7
-- Every id and every reference to one is BIGINT: 32 bits end within weeks at a million sessions a day. Postgres writes
-- each of these tables anew, under a lock; `atlas-otel db migrate` says beforehand how much that is. Programs that know
-- of no version 7 send ids of 32 bits, so they stop here (`writers` above), and what they record waits.
ALTER TABLE public.sessions ALTER COLUMN id TYPE BIGINT;
ALTER TABLE public.plans ALTER COLUMN session_id TYPE BIGINT;
ALTER TABLE public.step_results ALTER COLUMN session_id TYPE BIGINT;
ALTER TABLE public.step_attempts ALTER COLUMN session_id TYPE BIGINT;
ALTER TABLE public.guidance_notes ALTER COLUMN session_id TYPE BIGINT;
ALTER TABLE public.trajectory_events ALTER COLUMN id TYPE BIGINT, ALTER COLUMN session_id TYPE BIGINT;
ALTER TABLE public.discovery_runs ALTER COLUMN id TYPE BIGINT;
ALTER TABLE atlas_otel.sessions ALTER COLUMN id TYPE BIGINT;
ALTER TABLE atlas_otel.trajectory ALTER COLUMN session_id TYPE BIGINT, ALTER COLUMN event_id TYPE BIGINT;

DO $$
DECLARE
    owned TEXT;
    grantee TEXT;
    grantees TEXT[];
BEGIN
    FOREACH owned IN ARRAY ARRAY[
        pg_get_serial_sequence('public.sessions', 'id'), pg_get_serial_sequence('public.trajectory_events', 'id'),
        pg_get_serial_sequence('public.discovery_runs', 'id')
    ] LOOP
        IF owned IS NOT NULL THEN
            EXECUTE format('ALTER SEQUENCE %s AS BIGINT', owned);
        END IF;
    END LOOP;

    -- Who might run the functions that are made anew below.
    SELECT array_agg(DISTINCT pg_get_userbyid(held.grantee)::text) INTO grantees
    FROM pg_proc, aclexplode(proacl) AS held
    WHERE oid IN (
        'atlas_otel.remove_rows(text, integer[], integer[], integer[])'::regprocedure,
        'atlas_otel.remove_events(integer[], integer[], bigint[], text[])'::regprocedure
    ) AND held.grantee <> 0;

    DROP FUNCTION atlas_otel.remove_rows(TEXT, INTEGER[], INTEGER[], INTEGER[]);
    DROP FUNCTION atlas_otel.remove_events(INTEGER[], INTEGER[], BIGINT[], TEXT[]);

    CREATE FUNCTION atlas_otel.remove_rows(relation TEXT, sessions BIGINT[], steps INTEGER[], numbers INTEGER[])
    RETURNS VOID LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
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
    END $body$;

    CREATE FUNCTION atlas_otel.remove_events(events BIGINT[], sessions BIGINT[], times BIGINT[], keys TEXT[])
    RETURNS VOID LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
    BEGIN
        DELETE FROM atlas_otel.trajectory AS known
        USING unnest(sessions, times, keys) AS gone (session_id, time_ns, key)
        WHERE known.session_id = gone.session_id AND known.time_ns = gone.time_ns
            AND known.key = gone.key COLLATE "C";
        DELETE FROM public.trajectory_events AS stored
        WHERE id = ANY (events) AND EXISTS (SELECT FROM atlas_otel.sessions WHERE id = stored.session_id);
    END $body$;

    REVOKE ALL ON FUNCTION atlas_otel.remove_rows, atlas_otel.remove_events FROM PUBLIC;
    FOREACH grantee IN ARRAY coalesce(grantees, '{}') LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION atlas_otel.remove_rows, atlas_otel.remove_events TO %I', grantee);
    END LOOP;
END $$;

-- The contract's long values are compressed by lz4 where the server has it, as the records' are since 0002: projecting
-- is bound by how fast the server takes in rows, and half of that was compressing. Other programs read them as before;
-- what is stored already stays as it is.
DO $$
DECLARE
    wide RECORD;
BEGIN
    IF EXISTS (SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)) THEN
        FOR wide IN
            SELECT attrelid::regclass AS relation, attname AS field
            FROM pg_attribute
            WHERE attrelid IN (
                'public.sessions'::regclass, 'public.plans'::regclass, 'public.step_results'::regclass,
                'public.step_attempts'::regclass, 'public.guidance_notes'::regclass,
                'public.trajectory_events'::regclass
            ) AND attnum > 0 AND NOT attisdropped AND attstorage = 'x'
        LOOP
            EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET COMPRESSION lz4', wide.relation, wide.field);
        END LOOP;
    END IF;
END $$;

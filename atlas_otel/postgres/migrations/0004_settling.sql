-- When a session counts as over whose records come over OTLP, or from a trace of others (projecting/placing.py, awaits).

ALTER TABLE atlas_otel.sessions
    ADD COLUMN settles_at TIMESTAMPTZ,
    ADD COLUMN settled BOOLEAN NOT NULL DEFAULT FALSE;
COMMENT ON COLUMN atlas_otel.sessions.settles_at IS 'it reads as running, and is projected again then unless more comes';
COMMENT ON COLUMN atlas_otel.sessions.settled IS 'it has been quiet once after its end: it stays over, whatever comes later';
CREATE INDEX sessions_settling_idx ON atlas_otel.sessions (settles_at) WHERE settles_at IS NOT NULL;

UPDATE atlas_otel.sessions SET settled = TRUE
WHERE id IN (SELECT id FROM public.sessions WHERE status <> 'running');

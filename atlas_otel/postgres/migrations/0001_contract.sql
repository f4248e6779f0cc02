-- The contract's tables (docs: contract, section 2), as the Atlas SDK makes and reads them.
--
-- Runs over an empty database and over one that any version of the SDK made: older ones lack some columns, so each
-- column comes before the index that needs it. IF NOT EXISTS is right in this migration only, for that reason.

CREATE TABLE IF NOT EXISTS public.sessions (
    id SERIAL PRIMARY KEY,
    task TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'running',
    metadata JSONB,
    final_answer TEXT,
    reward JSONB,
    reward_stats JSONB,
    reward_audit JSONB,
    student_learning TEXT,
    teacher_learning TEXT,
    review_status TEXT NOT NULL DEFAULT 'pending',
    review_notes TEXT,
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    completed_at TIMESTAMPTZ
);
ALTER TABLE public.sessions
    ADD COLUMN IF NOT EXISTS status TEXT NOT NULL DEFAULT 'running',
    ADD COLUMN IF NOT EXISTS metadata JSONB,
    ADD COLUMN IF NOT EXISTS final_answer TEXT,
    ADD COLUMN IF NOT EXISTS reward JSONB,
    ADD COLUMN IF NOT EXISTS reward_stats JSONB,
    ADD COLUMN IF NOT EXISTS reward_audit JSONB,
    ADD COLUMN IF NOT EXISTS student_learning TEXT,
    ADD COLUMN IF NOT EXISTS teacher_learning TEXT,
    ADD COLUMN IF NOT EXISTS review_status TEXT NOT NULL DEFAULT 'pending',
    ADD COLUMN IF NOT EXISTS review_notes TEXT,
    ADD COLUMN IF NOT EXISTS created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    ADD COLUMN IF NOT EXISTS completed_at TIMESTAMPTZ;

CREATE TABLE IF NOT EXISTS public.plans (
    session_id INTEGER PRIMARY KEY REFERENCES public.sessions (id) ON DELETE CASCADE,
    plan JSONB NOT NULL
);

CREATE TABLE IF NOT EXISTS public.step_results (
    session_id INTEGER NOT NULL REFERENCES public.sessions (id) ON DELETE CASCADE,
    step_id INTEGER NOT NULL,
    trace TEXT,
    output TEXT,
    evaluation JSONB,
    attempts INTEGER,
    metadata JSONB,
    PRIMARY KEY (session_id, step_id)
);
ALTER TABLE public.step_results ADD COLUMN IF NOT EXISTS metadata JSONB;

CREATE TABLE IF NOT EXISTS public.step_attempts (
    session_id INTEGER NOT NULL REFERENCES public.sessions (id) ON DELETE CASCADE,
    step_id INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    evaluation JSONB,
    PRIMARY KEY (session_id, step_id, attempt)
);

CREATE TABLE IF NOT EXISTS public.guidance_notes (
    session_id INTEGER NOT NULL REFERENCES public.sessions (id) ON DELETE CASCADE,
    step_id INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (session_id, step_id, sequence)
);

CREATE TABLE IF NOT EXISTS public.trajectory_events (
    id SERIAL PRIMARY KEY,
    session_id INTEGER REFERENCES public.sessions (id) ON DELETE CASCADE,
    event JSONB NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW()
);

CREATE TABLE IF NOT EXISTS public.discovery_runs (
    id SERIAL PRIMARY KEY,
    project_root TEXT NOT NULL,
    task TEXT,
    source TEXT NOT NULL DEFAULT 'discovery',
    payload JSONB NOT NULL,
    metadata JSONB,
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW()
);

CREATE TABLE IF NOT EXISTS public.learning_registry (
    learning_key TEXT PRIMARY KEY,
    student_learning TEXT,
    teacher_learning TEXT,
    metadata JSONB,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT NOW()
);

CREATE INDEX IF NOT EXISTS sessions_learning_key_idx ON public.sessions ((metadata ->> 'learning_key'));
CREATE INDEX IF NOT EXISTS sessions_reward_score_idx ON public.sessions (((reward_stats ->> 'score')::float))
    WHERE reward_stats IS NOT NULL;
CREATE INDEX IF NOT EXISTS sessions_created_at_idx ON public.sessions (created_at DESC);
CREATE INDEX IF NOT EXISTS sessions_metadata_gin_idx ON public.sessions USING GIN (metadata);
-- Ours: without it every reader that walks sessions one by one scans all events for each.
CREATE INDEX IF NOT EXISTS trajectory_events_session_id_idx ON public.trajectory_events (session_id, id);

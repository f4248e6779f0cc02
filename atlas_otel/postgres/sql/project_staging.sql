-- Where COPY puts the rows of a projection before they are compared with the stored ones. Of this connection only.
-- Rows of a session that has none yet go into the tables themselves.
CREATE TEMPORARY TABLE IF NOT EXISTS sessions_in (
    id BIGINT, task TEXT, status TEXT, metadata JSONB, created_at TIMESTAMPTZ, completed_at TIMESTAMPTZ,
    final_answer TEXT, reward JSONB, reward_stats JSONB, reward_audit JSONB, student_learning TEXT,
    teacher_learning TEXT, review_status TEXT, review_notes TEXT
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS plans_in (session_id BIGINT, plan JSONB) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS step_results_in (
    session_id BIGINT, step_id INTEGER, trace TEXT, output TEXT, evaluation JSONB, attempts INTEGER, metadata JSONB
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS step_attempts_in (
    session_id BIGINT, step_id INTEGER, attempt INTEGER, evaluation JSONB
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS guidance_notes_in (
    session_id BIGINT, step_id INTEGER, sequence INTEGER, note TEXT
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS trajectory_changed_in (
    event_id BIGINT, event JSONB, created_at TIMESTAMPTZ
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS trajectory_in (
    session_id BIGINT, time_ns BIGINT, key TEXT COLLATE "C", content_hash BYTEA, event_id BIGINT
) ON COMMIT DELETE ROWS;
-- Most of what is compared is stored as it is: it would be compressed here for nothing.
ALTER TABLE sessions_in
    ALTER COLUMN metadata SET STORAGE EXTERNAL, ALTER COLUMN final_answer SET STORAGE EXTERNAL,
    ALTER COLUMN reward_audit SET STORAGE EXTERNAL;
ALTER TABLE plans_in ALTER COLUMN plan SET STORAGE EXTERNAL;
ALTER TABLE step_results_in
    ALTER COLUMN trace SET STORAGE EXTERNAL, ALTER COLUMN output SET STORAGE EXTERNAL,
    ALTER COLUMN evaluation SET STORAGE EXTERNAL, ALTER COLUMN metadata SET STORAGE EXTERNAL;
ALTER TABLE step_attempts_in ALTER COLUMN evaluation SET STORAGE EXTERNAL;
ALTER TABLE guidance_notes_in ALTER COLUMN note SET STORAGE EXTERNAL;
ALTER TABLE trajectory_changed_in ALTER COLUMN event SET STORAGE EXTERNAL;

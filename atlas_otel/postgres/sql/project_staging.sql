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

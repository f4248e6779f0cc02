-- Writes what differs, and returns the ids of the sessions that it changed. The rows come as JSON, one list a table: a
-- temporary table would be emptied at each commit, and what reads it planned anew. The review columns are written until the
-- session has ended, unless somebody wrote them before: from then on they belong to the reviewers.
WITH session AS (
    INSERT INTO public.sessions AS stored (
        id, task, status, metadata, created_at, completed_at, final_answer, reward, reward_stats, reward_audit,
        student_learning, teacher_learning, review_status, review_notes
    )
    SELECT
        id, task, status, metadata, created_at, completed_at, final_answer, reward, reward_stats, reward_audit,
        student_learning, teacher_learning, review_status, review_notes
    FROM json_to_recordset(%(sessions)s::json) AS given (
        id BIGINT, task TEXT, status TEXT, metadata JSONB, created_at TIMESTAMPTZ, completed_at TIMESTAMPTZ,
        final_answer TEXT, reward JSONB, reward_stats JSONB, reward_audit JSONB, student_learning TEXT,
        teacher_learning TEXT, review_status TEXT, review_notes TEXT
    )
    ON CONFLICT (id) DO UPDATE
    SET task = excluded.task, status = excluded.status, metadata = excluded.metadata,
        created_at = excluded.created_at, completed_at = excluded.completed_at,
        final_answer = excluded.final_answer, reward = excluded.reward, reward_stats = excluded.reward_stats,
        reward_audit = excluded.reward_audit, student_learning = excluded.student_learning,
        teacher_learning = excluded.teacher_learning,
        review_status = CASE
            WHEN (stored.status, stored.review_status) = ('running', 'pending') AND stored.review_notes IS NULL
            THEN excluded.review_status ELSE stored.review_status
        END,
        review_notes = CASE
            WHEN (stored.status, stored.review_status) = ('running', 'pending') AND stored.review_notes IS NULL
            THEN excluded.review_notes ELSE stored.review_notes
        END
    WHERE (
        stored.task, stored.status, stored.metadata, stored.created_at, stored.completed_at, stored.final_answer,
        stored.reward, stored.reward_stats, stored.reward_audit, stored.student_learning, stored.teacher_learning
    ) IS DISTINCT FROM (
        excluded.task, excluded.status, excluded.metadata, excluded.created_at, excluded.completed_at,
        excluded.final_answer, excluded.reward, excluded.reward_stats, excluded.reward_audit,
        excluded.student_learning, excluded.teacher_learning
    )
    RETURNING id
),
plan AS (
    INSERT INTO public.plans AS stored (session_id, plan)
    SELECT session_id, plan FROM json_to_recordset(%(plans)s::json) AS given (session_id BIGINT, plan JSONB)
    ON CONFLICT (session_id) DO UPDATE SET plan = excluded.plan WHERE stored.plan IS DISTINCT FROM excluded.plan
    RETURNING session_id
),
step AS (
    INSERT INTO public.step_results AS stored (session_id, step_id, trace, output, evaluation, attempts, metadata)
    SELECT session_id, step_id, trace, output, evaluation, attempts, metadata
    FROM json_to_recordset(%(step_results)s::json) AS given (
        session_id BIGINT, step_id INTEGER, trace TEXT, output TEXT, evaluation JSONB, attempts INTEGER, metadata JSONB
    )
    ON CONFLICT (session_id, step_id) DO UPDATE
    SET trace = excluded.trace, output = excluded.output, evaluation = excluded.evaluation,
        attempts = excluded.attempts, metadata = excluded.metadata
    WHERE (stored.trace, stored.output, stored.evaluation, stored.attempts, stored.metadata)
        IS DISTINCT FROM
        (excluded.trace, excluded.output, excluded.evaluation, excluded.attempts, excluded.metadata)
    RETURNING session_id
),
attempt AS (
    INSERT INTO public.step_attempts AS stored (session_id, step_id, attempt, evaluation)
    SELECT session_id, step_id, attempt, evaluation
    FROM json_to_recordset(%(step_attempts)s::json) AS given (
        session_id BIGINT, step_id INTEGER, attempt INTEGER, evaluation JSONB
    )
    ON CONFLICT (session_id, step_id, attempt) DO UPDATE SET evaluation = excluded.evaluation
    WHERE stored.evaluation IS DISTINCT FROM excluded.evaluation
    RETURNING session_id
),
guidance AS (
    INSERT INTO public.guidance_notes AS stored (session_id, step_id, sequence, note)
    SELECT session_id, step_id, sequence, note
    FROM json_to_recordset(%(guidance_notes)s::json) AS given (
        session_id BIGINT, step_id INTEGER, sequence INTEGER, note TEXT
    )
    ON CONFLICT (session_id, step_id, sequence) DO UPDATE SET note = excluded.note
    WHERE stored.note IS DISTINCT FROM excluded.note
    RETURNING session_id
)
SELECT id FROM session
UNION SELECT session_id FROM plan
UNION SELECT session_id FROM step
UNION SELECT session_id FROM attempt
UNION SELECT session_id FROM guidance

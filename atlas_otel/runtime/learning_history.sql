-- The last ended sessions of a learning key, newest first; a score that no judge gave counts as none.
SELECT
    CASE WHEN reward ->> 'failed' = 'true' THEN NULL ELSE (reward_stats ->> 'score')::float END,
    CASE WHEN reward ->> 'failed' = 'true' THEN NULL ELSE (reward_stats ->> 'uncertainty_mean')::float END,
    student_learning,
    teacher_learning,
    metadata ->> 'execution_mode',
    created_at,
    completed_at
FROM public.sessions
WHERE metadata ->> 'learning_key' = %(learning_key)s AND status <> 'running'
ORDER BY created_at DESC, id DESC
LIMIT %(limit)s

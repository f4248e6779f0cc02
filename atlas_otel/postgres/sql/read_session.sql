SELECT
    ours.key, session.task, session.status, coalesce(session.metadata, '{}'), session.created_at, session.completed_at,
    session.final_answer, session.reward, session.reward_stats, session.reward_audit, session.student_learning,
    session.teacher_learning, session.review_status, session.review_notes, plans.plan
FROM atlas_otel.sessions AS ours
JOIN public.sessions AS session ON session.id = ours.id
LEFT JOIN public.plans ON plans.session_id = session.id
WHERE ours.key = ANY (%(keys)s)

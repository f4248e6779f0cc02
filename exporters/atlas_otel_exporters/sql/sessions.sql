SELECT s.id, s.task, s.status, s.review_status, s.review_notes, s.metadata, s.final_answer, s.reward, s.reward_stats,
       s.reward_audit, s.student_learning, s.teacher_learning, s.created_at, s.completed_at, p.plan
FROM sessions s
LEFT JOIN plans p ON p.session_id = s.id
WHERE s.id = ANY (%(ids)s::bigint[])

-- The last line says which sessions, and in which order.
SELECT s.id, s.task, s.status, s.review_status, s.review_notes, s.created_at, s.final_answer,
       coalesce(CASE WHEN jsonb_typeof(s.reward_stats -> 'score') = 'number'
                     THEN (s.reward_stats ->> 'score')::float8 END,
                CASE WHEN jsonb_typeof(s.reward -> 'score') = 'number'
                     THEN (s.reward ->> 'score')::float8 END) AS score,
       CASE WHEN jsonb_typeof(s.reward_stats -> 'score_stddev') = 'number'
            THEN (s.reward_stats ->> 'score_stddev')::float8 END AS score_stddev,
       CASE WHEN jsonb_typeof(s.reward_stats -> 'sample_count') = 'number'
            THEN (s.reward_stats ->> 'sample_count')::float8::int END AS sample_count,
       CASE WHEN jsonb_typeof(s.metadata -> 'drift') = 'object' THEN s.metadata -> 'drift' END AS drift,
       coalesce(s.metadata -> 'drift_alert', 'false') NOT IN ('false', 'null')
           OR coalesce(s.metadata -> 'drift' -> 'drift_alert', 'false') NOT IN ('false', 'null') AS drift_alert,
       CASE WHEN jsonb_typeof(s.reward_audit) = 'array' THEN jsonb_array_length(s.reward_audit) ELSE 0 END
           AS audit_entries
FROM sessions s
{which}

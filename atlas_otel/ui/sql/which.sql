(%(status)s::text IS NULL OR theirs.status = %(status)s)
AND (%(review_status)s::text IS NULL OR lower(theirs.review_status) = %(review_status)s)
AND (%(since)s::timestamptz IS NULL OR theirs.created_at >= %(since)s)
AND (%(until)s::timestamptz IS NULL OR theirs.created_at < %(until)s)
AND (%(agent)s::text IS NULL OR theirs.metadata ->> 'agent_name' = %(agent)s)
AND (%(learning_key)s::text IS NULL OR theirs.metadata ->> 'learning_key' = %(learning_key)s)
AND (%(conversation)s::text IS NULL OR theirs.metadata ->> 'conversation_id' = %(conversation)s)
AND (%(min_reward)s::float8 IS NULL OR coalesce(facts.score, atlas_otel.number_of(theirs.reward -> 'score')) >= %(min_reward)s)
AND (%(max_reward)s::float8 IS NULL OR coalesce(facts.score, atlas_otel.number_of(theirs.reward -> 'score')) <= %(max_reward)s)
AND (%(tag)s::text IS NULL OR %(tag)s = ANY (facts.tags) OR %(tag)s = ANY (held.tags))
-- Of a session that runs, nothing is kept yet: its events say it.
AND (%(model)s::text IS NULL OR CASE
    WHEN facts.session_id IS NOT NULL THEN %(model)s = ANY (facts.models)
    ELSE EXISTS (
        SELECT FROM public.trajectory_events
        WHERE session_id = theirs.id AND event -> 'payload' -> 'metadata' ->> 'model' = %(model)s
    )
END)
AND (%(tool)s::text IS NULL OR CASE
    WHEN facts.session_id IS NOT NULL THEN %(tool)s = ANY (facts.tools)
    ELSE EXISTS (
        SELECT FROM public.trajectory_events
        WHERE session_id = theirs.id AND event -> 'payload' ->> 'event_type' IN ('TOOL_START', 'TOOL_END')
            AND event -> 'payload' ->> 'name' = %(tool)s
    )
END)
AND (NOT %(failed)s OR theirs.status = 'failed' OR CASE
    WHEN facts.session_id IS NOT NULL THEN facts.failed > 0 OR facts.rejected > 0
    ELSE EXISTS (
        SELECT FROM public.trajectory_events
        WHERE session_id = theirs.id AND event -> 'payload' -> 'metadata' ->> 'status' = 'failed'
    )
END)
AND (%(reason)s::text IS NULL OR CASE %(reason)s
    WHEN 'tie' THEN held.tie
    WHEN 'changed_after_review' THEN held.changed
    ELSE %(reason)s = ANY (facts.reasons)
END)
AND (%(cluster)s::text IS NULL OR facts.clusters @> ARRAY[%(cluster)s::text])
AND (%(assigned_to)s::text IS NULL OR CASE %(assigned_to)s
    WHEN '-' THEN held.assigned_to IS NULL ELSE held.assigned_to = %(assigned_to)s
END)
AND (%(reviewed_by)s::text IS NULL OR held.reviewers @> ARRAY[%(reviewed_by)s::text])
AND (
    %(text)s::text IS NULL OR theirs.task ILIKE %(text)s OR theirs.final_answer ILIKE %(text)s OR EXISTS (
        SELECT FROM public.trajectory_events WHERE session_id = theirs.id AND event::text ILIKE %(json_text)s
    )
)

(%(status)s::text IS NULL OR theirs.status = %(status)s)
AND (%(since)s::timestamptz IS NULL OR theirs.created_at >= %(since)s)
AND (%(until)s::timestamptz IS NULL OR theirs.created_at < %(until)s)
AND (%(agent)s::text IS NULL OR theirs.metadata ->> 'agent_name' = %(agent)s)
AND (%(conversation)s::text IS NULL OR theirs.metadata ->> 'conversation_id' = %(conversation)s)
AND (%(min_reward)s::float IS NULL OR (theirs.reward ->> 'score')::float >= %(min_reward)s)
AND (%(model)s::text IS NULL OR EXISTS (
    SELECT FROM public.trajectory_events
    WHERE session_id = theirs.id AND event -> 'payload' -> 'metadata' ->> 'model' = %(model)s
))
AND (%(tool)s::text IS NULL OR EXISTS (
    SELECT FROM public.trajectory_events
    WHERE session_id = theirs.id AND event -> 'payload' ->> 'event_type' IN ('TOOL_START', 'TOOL_END')
        AND event -> 'payload' ->> 'name' = %(tool)s
))
AND (NOT %(failed)s OR theirs.status = 'failed' OR EXISTS (
    SELECT FROM public.trajectory_events
    WHERE session_id = theirs.id AND event -> 'payload' -> 'metadata' ->> 'status' = 'failed'
))
AND (
    %(text)s::text IS NULL OR theirs.task ILIKE %(text)s OR theirs.final_answer ILIKE %(text)s OR EXISTS (
        SELECT FROM public.trajectory_events WHERE session_id = theirs.id AND event::text ILIKE %(json_text)s
    )
)

-- The sessions that are here now are the originals; each call writes them once more, as sessions of their own.
CREATE TEMPORARY TABLE origin AS
SELECT sessions.key, sessions.id, traces.trace_id
FROM atlas_otel.sessions
JOIN (SELECT DISTINCT session_key, trace_id FROM atlas_otel.spans) AS traces ON traces.session_key = sessions.key;
ANALYZE origin;

CREATE FUNCTION pg_temp.copy_sessions(copy TEXT, more_sessions INTEGER, more_events INTEGER) RETURNS VOID
LANGUAGE SQL AS $$
    INSERT INTO atlas_otel.traces (trace_id, watched, revision, resolved_revision)
    SELECT md5(trace_id || copy), watched, revision, resolved_revision
    FROM origin JOIN atlas_otel.traces USING (trace_id);

    INSERT INTO public.sessions (
        id, task, status, metadata, final_answer, reward, reward_stats, reward_audit, student_learning,
        teacher_learning, review_status, review_notes, created_at, completed_at
    )
    SELECT
        id + more_sessions, task, status,
        replace(replace(metadata::text, trace_id, md5(trace_id || copy)), key, key || copy)::jsonb,
        final_answer, reward, reward_stats, reward_audit, student_learning, teacher_learning, review_status,
        review_notes, created_at, completed_at
    FROM origin JOIN public.sessions USING (id);

    INSERT INTO atlas_otel.sessions (
        key, id, revision, projected_revision, changed_revision, projection_error, created_at, last_activity, implicit,
        settles_at, settled
    )
    SELECT
        key || copy, origin.id + more_sessions, revision, projected_revision, changed_revision, projection_error,
        created_at, last_activity, implicit, settles_at, settled
    FROM origin JOIN atlas_otel.sessions USING (key);

    INSERT INTO atlas_otel.spans (
        trace_id, span_id, parent_span_id, session_key, revision, name, kind, span_kind, start_ns, end_ns, status,
        status_message, scope, resource_hash, rank, version, dropped_attributes, dropped_events, dropped_links,
        attributes, events, links, resolved
    )
    SELECT
        md5(spans.trace_id || copy), span_id, parent_span_id, session_key || copy, revision, name, kind, span_kind,
        start_ns, end_ns, status, status_message, scope, resource_hash, rank, version, dropped_attributes,
        dropped_events, dropped_links, replace(attributes::text, key, key || copy)::json, events, links, resolved
    FROM origin JOIN atlas_otel.spans ON session_key = key;

    INSERT INTO atlas_otel.span_events (trace_id, span_id, sequence, session_key, revision, name, payload, resolved)
    SELECT
        md5(span_events.trace_id || copy), span_id, sequence, session_key || copy, revision, name, payload, resolved
    FROM origin JOIN atlas_otel.span_events ON session_key = key;

    INSERT INTO public.plans (session_id, plan)
    SELECT id + more_sessions, plan FROM origin JOIN public.plans ON session_id = id;

    INSERT INTO public.step_results (session_id, step_id, trace, output, evaluation, attempts, metadata)
    SELECT id + more_sessions, step_id, trace, output, evaluation, attempts, metadata
    FROM origin JOIN public.step_results ON session_id = id;

    INSERT INTO public.step_attempts (session_id, step_id, attempt, evaluation)
    SELECT id + more_sessions, step_id, attempt, evaluation FROM origin JOIN public.step_attempts ON session_id = id;

    INSERT INTO public.guidance_notes (session_id, step_id, sequence, note)
    SELECT id + more_sessions, step_id, sequence, note FROM origin JOIN public.guidance_notes ON session_id = id;

    INSERT INTO public.trajectory_events (id, session_id, event, created_at)
    SELECT
        held.id + more_events, session_id + more_sessions,
        replace(event::text, trace_id, md5(trace_id || copy))::jsonb, created_at
    FROM origin JOIN public.trajectory_events AS held ON session_id = origin.id;

    INSERT INTO atlas_otel.trajectory (session_id, time_ns, key, content_hash, event_id)
    SELECT session_id + more_sessions, time_ns, replace(held.key, trace_id, md5(trace_id || copy)), content_hash,
        event_id + more_events
    FROM origin JOIN atlas_otel.trajectory AS held ON session_id = origin.id;
$$;

SELECT
    (SELECT count(*) FROM public.sessions WHERE id = %(id)s) + (SELECT count(*) FROM public.plans WHERE session_id = %(id)s)
    + (SELECT count(*) FROM public.step_results WHERE session_id = %(id)s)
    + (SELECT count(*) FROM public.step_attempts WHERE session_id = %(id)s)
    + (SELECT count(*) FROM public.guidance_notes WHERE session_id = %(id)s)
    + (SELECT count(*) FROM public.trajectory_events WHERE session_id = %(id)s)

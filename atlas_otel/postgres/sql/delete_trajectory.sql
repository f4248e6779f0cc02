DELETE FROM public.trajectory_events
WHERE id IN (SELECT id FROM public.trajectory_events WHERE session_id = %(id)s LIMIT %(limit)s)

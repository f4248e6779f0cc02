UPDATE public.trajectory_events AS stored
SET event = changed.event, created_at = changed.created_at
FROM trajectory_changed_in AS changed
WHERE stored.id = changed.event_id

UPDATE public.trajectory_events AS stored
SET event = changed.event, created_at = timestamptz 'epoch' + changed.time_us * interval '1 microsecond'
FROM json_to_recordset(%(events)s::json) AS changed (id BIGINT, time_us BIGINT, event JSONB)
WHERE stored.id = changed.id

-- What is left in a trace that was only of deleted sessions, and names none.
WITH spans AS (DELETE FROM atlas_otel.spans WHERE trace_id = %(trace)s AND session_key IS NULL RETURNING 1),
events AS (DELETE FROM atlas_otel.span_events WHERE trace_id = %(trace)s AND session_key IS NULL RETURNING 1),
late AS (DELETE FROM atlas_otel.late_rewards WHERE trace_id = %(trace)s OR target_trace_id = %(trace)s),
traces AS (DELETE FROM atlas_otel.traces WHERE trace_id = %(trace)s),
done AS (UPDATE atlas_otel.tombstones SET done = TRUE WHERE (kind, id) = ('trace', %(trace)s))
SELECT (SELECT count(*) FROM spans), (SELECT count(*) FROM events)

-- Removes the doctor's probe, and nothing else: its key and trace are random.
WITH spans AS (DELETE FROM atlas_otel.spans WHERE trace_id = %(trace)s AND session_key = %(key)s),
events AS (DELETE FROM atlas_otel.span_events WHERE trace_id = %(trace)s AND session_key = %(key)s),
traces AS (DELETE FROM atlas_otel.traces WHERE trace_id = %(trace)s),
ours AS (DELETE FROM atlas_otel.sessions WHERE key = %(key)s RETURNING id)
DELETE FROM public.sessions WHERE id IN (SELECT id FROM ours)

-- The rows of the traces that late rewards stand in. Never waits: whoever holds one may wait for a trace of ours.
SELECT trace_id FROM atlas_otel.traces WHERE trace_id = ANY (%(ids)s::text[]) FOR UPDATE SKIP LOCKED

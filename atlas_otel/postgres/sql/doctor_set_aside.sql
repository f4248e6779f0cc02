-- Where the role may not delete: no export takes the probe by default.
UPDATE public.sessions SET review_status = 'quarantined', review_notes = %(note)s
WHERE id = (SELECT id FROM atlas_otel.sessions WHERE key = %(key)s)

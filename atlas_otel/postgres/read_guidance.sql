SELECT step_id, sequence, note
FROM public.guidance_notes
WHERE session_id = (SELECT id FROM atlas_otel.sessions WHERE key = %(key)s)
ORDER BY step_id, sequence

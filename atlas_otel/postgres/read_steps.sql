SELECT step_id, coalesce(trace, ''), coalesce(output, ''), evaluation, coalesce(attempts, 0), coalesce(metadata, '{}')
FROM public.step_results
WHERE session_id = (SELECT id FROM atlas_otel.sessions WHERE key = %(key)s)
ORDER BY step_id

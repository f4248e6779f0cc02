SELECT session_id, step_id, note
FROM guidance_notes WHERE session_id = ANY (%(ids)s::int[]) ORDER BY session_id, step_id, sequence

FROM public.sessions AS theirs
LEFT JOIN atlas_otel.sessions AS ours ON ours.id = theirs.id
{facts} atlas_otel.session_facts AS facts ON facts.session_id = theirs.id
LEFT JOIN atlas_otel.reviews AS held ON held.session_id = theirs.id

-- Sessions in the lake that were reviewed since: their rows go as well.
UPDATE atlas_otel.archived AS done
SET drop_rows = TRUE, dropped = FALSE
FROM atlas_otel.sessions AS held
JOIN public.sessions AS theirs ON theirs.id = held.id
WHERE held.key = done.key AND done.archived_at IS NOT NULL AND NOT done.drop_rows AND theirs.review_status <> 'pending'

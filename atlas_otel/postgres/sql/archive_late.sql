-- Sessions in this lake of which something came since: it names them, or is of a trace of theirs, or a reward for one.
SELECT done.key
FROM atlas_otel.archived AS done
JOIN atlas_otel.sessions AS held ON held.key = done.key
WHERE done.archived_at IS NOT NULL AND done.lake = %(lake)s AND held.revision > done.revision
UNION
SELECT done.key
FROM atlas_otel.traces AS held
JOIN atlas_otel.archived_traces AS known ON known.trace_id = held.trace_id
JOIN atlas_otel.archived AS done ON done.key = known.session_key
WHERE held.watched AND held.revision > held.resolved_revision AND done.lake = %(lake)s
ORDER BY key
LIMIT %(limit)s

-- Most spans of a batch are new. Those that are not are left to write_spans_again.sql. The batch comes sorted, so that
-- two writers of the same spans wait for each other in one direction only.
INSERT INTO atlas_otel.spans (
    span_kind, status, rank, start_ns, version, dropped_attributes, dropped_events, dropped_links, content_hash,
    resource_hash, trace_id, span_id, parent_span_id, session_key, name, kind, end_ns, status_message, scope,
    attributes, events, links, revision
)
SELECT
    span_kind, status, rank, start_ns, version, dropped_attributes, dropped_events, dropped_links, content_hash,
    resource_hash, trace_id, span_id, parent_span_id, session_key, name, kind, end_ns, status_message, scope,
    attributes, events, links,
    (SELECT revision FROM atlas_otel.sessions WHERE key = session_key)
FROM spans_in
ON CONFLICT (trace_id, span_id) DO NOTHING

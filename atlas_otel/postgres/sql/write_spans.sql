-- Those spans of a batch that are new. What is there already is left to write_spans_again.sql.
INSERT INTO atlas_otel.spans (
    span_kind, status, rank, start_ns, version, dropped_attributes, dropped_events, dropped_links,
    resource_hash, trace_id, span_id, parent_span_id, session_key, name, kind, end_ns, status_message, scope,
    attributes, events, links, revision
)
SELECT
    span_kind, status, rank, start_ns, version, dropped_attributes, dropped_events, dropped_links,
    resource_hash, trace_id, span_id, parent_span_id, session_key, name, kind, end_ns, status_message, scope,
    attributes, events, links, revision
FROM spans_in
ON CONFLICT (trace_id, span_id) DO NOTHING

UPDATE atlas_otel.traces SET resolved_revision = revision WHERE trace_id = ANY (%(ids)s::text[])

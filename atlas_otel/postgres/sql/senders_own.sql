SELECT kind, id FROM atlas_otel.senders
WHERE sender = %(sender)s AND (kind, id) IN (SELECT * FROM unnest(%(kinds)s::text[], %(ids)s::text[]))

-- Nobody computes its rows again while it goes.
UPDATE atlas_otel.sessions SET projected_revision = revision, settles_at = NULL WHERE key = %(key)s

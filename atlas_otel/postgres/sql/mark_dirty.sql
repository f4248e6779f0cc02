-- Has sessions computed again from their records: those given, or all. Sessions whose row somebody removed come back.
WITH marked AS (
    INSERT INTO atlas_otel.sessions (key, revision)
    SELECT session_key, max(revision)
    FROM (
        SELECT session_key, revision FROM atlas_otel.spans
        UNION ALL
        SELECT session_key, revision FROM atlas_otel.span_events
    ) AS record
    WHERE session_key IS NOT NULL
        AND NOT EXISTS (
            SELECT FROM atlas_otel.archived AS gone WHERE gone.key = session_key AND archived_at IS NOT NULL
        )
        AND (%(keys)s::text[] IS NULL OR session_key = ANY (%(keys)s::text[]))
    GROUP BY session_key
    ON CONFLICT (key) DO UPDATE SET projected_revision = 0
    RETURNING key
)
SELECT count(*) FROM marked

-- Up to when numbers are folded, and how many sessions came since; a few are looked at.
SELECT coalesce((SELECT at FROM atlas_otel.folded), now()), (
    SELECT count(*) FROM (
        SELECT FROM atlas_otel.session_facts
        WHERE written >= coalesce((SELECT written FROM atlas_otel.folded), 0)
        LIMIT 1000
    ) AS later
)

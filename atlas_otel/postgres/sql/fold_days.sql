-- Which days have changed since the last fold; and what a later fold begins with.
SELECT day FROM atlas_otel.session_facts WHERE written >= %(since)s
UNION
SELECT day FROM atlas_otel.days_to_fold

SELECT
    day, name, sessions, succeeded, failed, rewarded, reward_sum, reward_squares, retries, rejected, guided, improved,
    gain, compared, input_tokens, output_tokens, cost_usd, calls, failed_calls, buckets
FROM atlas_otel.daily_numbers
WHERE dimension = %(by)s AND day >= %(since)s AND day < %(until)s AND (%(name)s::text IS NULL OR name = %(name)s)

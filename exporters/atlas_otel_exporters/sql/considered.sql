-- Every session that is asked about, and why it is left out (NULL: it is not).
WITH considered AS (
    SELECT s.id,
           CASE
               WHEN %(statuses)s::text[] IS NOT NULL AND lower(s.status) <> ALL (%(statuses)s::text[])
                   THEN 'status ' || s.status
               WHEN %(review_statuses)s::text[] IS NOT NULL
                    AND lower(s.review_status) <> ALL (%(review_statuses)s::text[])
                   THEN 'review status ' || s.review_status
               WHEN s.created_at < %(since)s::timestamptz THEN 'before --since'
               WHEN s.created_at >= %(until)s::timestamptz THEN 'not before --until'
               WHEN %(learning_key)s::text IS NOT NULL
                    AND s.metadata ->> 'learning_key' IS DISTINCT FROM %(learning_key)s::text
                   THEN 'another learning key'
               -- A score that is no number counts as none: the cast is behind the test of its type.
               WHEN %(min_reward)s::float8 IS NOT NULL AND coalesce(
                        CASE WHEN jsonb_typeof(s.reward_stats -> 'score') = 'number'
                             THEN (s.reward_stats ->> 'score')::float8 END,
                        CASE WHEN jsonb_typeof(s.reward -> 'score') = 'number'
                             THEN (s.reward ->> 'score')::float8 END,
                        '-infinity') < %(min_reward)s::float8
                   THEN 'reward under --min-reward'
           END AS skipped
    FROM sessions s
    WHERE %(ids)s::bigint[] IS NULL OR s.id = ANY (%(ids)s::bigint[])
)

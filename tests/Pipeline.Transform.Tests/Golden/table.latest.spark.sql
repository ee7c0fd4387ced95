WITH candidates AS (
  SELECT `user_id`, `email`, `team_id`, `score`, `phone`, `photo`, `_position`, `_ingested_at`, _op, false AS _existing FROM checked WHERE _rules = ''
  UNION ALL
  SELECT `user_id`, `email`, `team_id`, `score`, `phone`, `photo`, `_position`, `_ingested_at`, 'r', true FROM existing
  UNION ALL
  SELECT `user_id`, `email`, `team_id`, `score`, `phone`, `photo`, `_position`, `_ingested_at`, 'd', true FROM tombstones
)
SELECT `user_id`, `email`, `team_id`, `score`, `phone`, `photo`, `_position`, `_ingested_at`, _op, _existing
FROM (SELECT *, row_number() OVER (PARTITION BY `user_id` ORDER BY `_position` DESC NULLS LAST, `email` DESC NULLS LAST, `team_id` DESC NULLS LAST, `score` DESC NULLS LAST, `phone` DESC NULLS LAST, `photo` DESC NULLS LAST, _existing DESC NULLS LAST) AS _rank FROM candidates) AS ranked
WHERE _rank = 1

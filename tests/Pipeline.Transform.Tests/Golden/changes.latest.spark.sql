WITH candidates AS (
  SELECT `user_id`, `email`, `text`, `_position`, `_ingested_at`, `_changed`, _op, false AS _existing FROM checked WHERE _rules = '' AND _op <> 't' AND NOT _truncated
  UNION ALL
  SELECT `user_id`, `email`, `text`, `_position`, `_ingested_at`, `_changed`, 'r', true FROM existing
  UNION ALL
  SELECT `user_id`, `email`, `text`, `_position`, `_ingested_at`, `_changed`, 'd', true FROM tombstones
),
numbered AS (
  SELECT *, row_number() OVER (PARTITION BY `user_id` ORDER BY `_position` ASC NULLS FIRST, `email` ASC NULLS FIRST, `text` ASC NULLS FIRST, _existing ASC NULLS FIRST) AS _n, count(*) OVER (PARTITION BY `user_id`) AS _last FROM candidates
),
cut AS (
  SELECT *, max(CASE WHEN _op = 'd' THEN _n ELSE 0 END) OVER (PARTITION BY `user_id`) AS _gone FROM numbered
),
carried AS (
  SELECT *,
    max(CASE WHEN _n > _gone AND (_changed IS NULL OR contains(',' || _changed || ',', ',' || 'email' || ',')) THEN _n END) OVER (PARTITION BY `user_id`) AS _from_0,
    max(CASE WHEN _n > _gone AND (_changed IS NULL OR contains(',' || _changed || ',', ',' || 'notes' || ',')) THEN _n END) OVER (PARTITION BY `user_id`) AS _from_1
  FROM cut
),
filled AS (
  SELECT `user_id`, `_position`, `_ingested_at`,
    _op, _existing, _n, _last,
    _changed AS _before,
    CASE WHEN _op <> 'd' AND (_from_0 IS NULL OR _from_1 IS NULL) THEN concat_ws(',', CASE WHEN _from_0 IS NOT NULL THEN 'email' END, CASE WHEN _from_1 IS NOT NULL THEN 'notes' END) END AS _changed,
    max(CASE WHEN _n = _from_0 THEN `email` END) OVER (PARTITION BY `user_id`) AS `email`,
    max(CASE WHEN _n = _from_1 THEN `text` END) OVER (PARTITION BY `user_id`) AS `text`
  FROM carried
)
SELECT `user_id`, `email`, `text`, `_position`, `_ingested_at`, `_changed`, _op, _existing AND _before IS NOT DISTINCT FROM _changed AS _existing
FROM filled
WHERE _n = _last

WITH candidates AS (
  SELECT "user_id", "email", "text", "_position", "_ingested_at", _op, false AS _existing, _changed FROM checked WHERE _rules = ''
  UNION ALL
  SELECT "user_id", "email", "text", "_position", "_ingested_at", 'r', true, CAST(NULL AS VARCHAR) AS _changed FROM existing
  UNION ALL
  SELECT "user_id", "email", "text", "_position", "_ingested_at", 'd', true, CAST(NULL AS VARCHAR) AS _changed FROM tombstones
),
numbered AS (
  SELECT *, row_number() OVER (PARTITION BY "user_id" ORDER BY "_position" ASC NULLS FIRST, "email" ASC NULLS FIRST, "text" ASC NULLS FIRST, _existing ASC NULLS FIRST) AS _n, count(*) OVER (PARTITION BY "user_id") AS _last FROM candidates
),
cut AS (
  SELECT *, max(CASE WHEN _op = 'd' THEN _n ELSE 0 END) OVER (PARTITION BY "user_id") AS _gone FROM numbered
),
carried AS (
  SELECT *,
    max(CASE WHEN _n > _gone AND carries(_changed, 'email') THEN _n END) OVER (PARTITION BY "user_id") AS _from_0,
    max(CASE WHEN _n > _gone AND carries(_changed, 'notes') THEN _n END) OVER (PARTITION BY "user_id") AS _from_1
  FROM cut
),
filled AS (
  SELECT "user_id", "_position", "_ingested_at",
    _op, _existing, _n, _last,
    max(CASE WHEN _n = _from_0 THEN "email" END) OVER (PARTITION BY "user_id") AS "email",
    max(CASE WHEN _n = _from_1 THEN "text" END) OVER (PARTITION BY "user_id") AS "text"
  FROM carried
)
SELECT "user_id", "email", "text", "_position", "_ingested_at", _op, _existing
FROM filled
WHERE _n = _last

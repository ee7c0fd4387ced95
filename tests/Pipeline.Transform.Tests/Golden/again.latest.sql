WITH candidates AS (
  SELECT "user_id", "email", "_position", "_partition", "_offset", "_epoch", "_reading", "_order_time", "_ingested_at", _op, false AS _existing FROM checked WHERE _rules = ''
  UNION ALL
  SELECT "user_id", "email", "_position", "_partition", "_offset", "_epoch", "_reading", "_order_time", "_ingested_at", 'r', true FROM existing
  UNION ALL
  SELECT "user_id", "email", "_position", "_partition", "_offset", "_epoch", "_reading", "_order_time", "_ingested_at", 'd', true FROM tombstones
)
SELECT "user_id", "email", "_position", "_partition", "_offset", "_epoch", "_reading", "_order_time", "_ingested_at", _op, _existing
FROM (SELECT *, row_number() OVER (PARTITION BY "user_id" ORDER BY COALESCE(_epoch, 0) DESC NULLS LAST, "_order_time" DESC NULLS LAST, "_partition" DESC NULLS LAST, "_offset" DESC NULLS LAST, "_reading" DESC NULLS LAST, _existing DESC NULLS LAST) AS _rank FROM candidates) AS ranked
WHERE _rank = 1

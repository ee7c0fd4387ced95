WITH candidates AS (
  SELECT "event_id", "user_id", "is_test", "day", "event_time", "received_at", "_position", "_partition", "_offset", "_order_time", "_ingested_at", _op, false AS _existing FROM checked WHERE _rules = ''
  UNION ALL
  SELECT "event_id", "user_id", "is_test", "day", "event_time", "received_at", "_position", "_partition", "_offset", "_order_time", "_ingested_at", 'r', true FROM existing
  UNION ALL
  SELECT "event_id", "user_id", "is_test", "day", "event_time", "received_at", "_position", "_partition", "_offset", "_order_time", "_ingested_at", 'd', true FROM tombstones
)
SELECT "event_id", "user_id", "is_test", "day", "event_time", "received_at", "_position", "_partition", "_offset", "_order_time", "_ingested_at", _op, _existing
FROM (SELECT *, row_number() OVER (PARTITION BY "event_id" ORDER BY "event_time" DESC NULLS LAST, "_order_time" DESC NULLS LAST, "_partition" DESC NULLS LAST, "_offset" DESC NULLS LAST, _existing DESC NULLS LAST) AS _rank FROM candidates) AS ranked
WHERE _rank = 1

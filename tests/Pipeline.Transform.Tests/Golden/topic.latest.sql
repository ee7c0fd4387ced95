WITH candidates AS (
  SELECT "event_id", "user_id", "is_test", "day", "event_time", "received_at", "_position", "_partition", "_offset", "_order_time", "_ingested_at", _op, false AS _existing FROM checked WHERE _rules = ''
  UNION ALL
  SELECT "event_id", "user_id", "is_test", "day", "event_time", "received_at", "_position", "_partition", "_offset", "_order_time", "_ingested_at", 'r', true FROM existing
  UNION ALL
  SELECT "event_id", "user_id", "is_test", "day", "event_time", "received_at", "_position", "_partition", "_offset", "_order_time", "_ingested_at", 'd', true FROM tombstones
),
counted AS (
  SELECT *, row_number() OVER (PARTITION BY "event_id" ORDER BY "_order_time" ASC NULLS FIRST, "_partition" ASC NULLS FIRST, "_offset" ASC NULLS FIRST, "event_time" ASC NULLS FIRST, _existing ASC NULLS FIRST) AS _step FROM candidates
),
told AS (
  SELECT *, max(CASE WHEN _op = 'd' AND ("event_time" IS NULL) THEN _step ELSE 0 END) OVER (PARTITION BY "event_id") AS _told FROM counted
),
standing AS (
  SELECT *, _step >= _told AS _stands, _op = 'd' AND ("event_time" IS NULL) AS _tells FROM told
),
placed AS (
  SELECT *, CASE WHEN NOT _tells THEN "event_time" END AS _place_0 FROM standing
)
SELECT "event_id", "user_id", "is_test", "day", "event_time", "received_at", "_position", "_partition", "_offset", "_order_time", "_ingested_at", _op, _existing
FROM (SELECT *, row_number() OVER (PARTITION BY "event_id" ORDER BY _stands DESC NULLS LAST, _place_0 DESC NULLS LAST, "_order_time" DESC NULLS LAST, "_partition" DESC NULLS LAST, "_offset" DESC NULLS LAST, _existing DESC NULLS LAST) AS _rank FROM placed) AS ranked
WHERE _rank = 1

-- silver/order_events, a run on spark
-- bronze: files, with place, of bronze/events/order_events (_partition int, _offset long, _timestamp timestamp, _key string, _headers string, value string, _op string, _position long, _ingested_at timestamp)
-- silver__customer_orders: files of silver/customer_orders (order_id long, customer_id long, customer_name string, email string, order_date date, total_amount decimal(18,2), status string, payment_method string, updated_at timestamp, _position long, _ingested_at timestamp)
-- silver__product_catalog: files of silver/product_catalog (product_id long, sku string, product_name string, category string, brand string, list_price decimal(12,2), currency string, is_active boolean, weight_kg double, launched_on date, attributes string, updated_at timestamp, _position long, _ingested_at timestamp)
-- quarantine_rows: files of silver/order_events__quarantine (order_id string, line_number string, _rules string, _held boolean, _row string, _op string, _position long, _bronze_file string, _bronze_row long, _bronze_version long, _quarantined_at timestamp, _judging long)
-- quarantine_all: files of silver/order_events__quarantine (order_id string, line_number string, _rules string, _held boolean, _row string, _op string, _position long, _bronze_file string, _bronze_row long, _bronze_version long, _quarantined_at timestamp, _judging long)
-- table_rows: files of silver/order_events (event_id string, event_type string, order_id long, line_number int, product_id long, quantity int, unit_price decimal(12,2), discount decimal(12,2), currency string, event_time timestamp, _position long, _partition int, _offset long, _order_time timestamp, _ingested_at timestamp)
-- table_near: files, with place, of silver/order_events (event_id string, event_type string, order_id long, line_number int, product_id long, quantity int, unit_price decimal(12,2), discount decimal(12,2), currency string, event_time timestamp, _position long, _partition int, _offset long, _order_time timestamp, _ingested_at timestamp)
-- table_kept: files, with place, of silver/order_events (event_id string, event_type string, order_id long, line_number int, product_id long, quantity int, unit_price decimal(12,2), discount decimal(12,2), currency string, event_time timestamp, _position long, _partition int, _offset long, _order_time timestamp, _ingested_at timestamp)
-- quarantine_near: files, with place, of silver/order_events__quarantine (order_id string, line_number string, _rules string, _held boolean, _row string, _op string, _position long, _bronze_file string, _bronze_row long, _bronze_version long, _quarantined_at timestamp, _judging long)
-- quarantine_kept: files, with place, of silver/order_events__quarantine (order_id string, line_number string, _rules string, _held boolean, _row string, _op string, _position long, _bronze_file string, _bronze_row long, _bronze_version long, _quarantined_at timestamp, _judging long)
-- deleted_near: files, with place, of silver/order_events__deleted (event_id string, event_type string, order_id long, line_number int, product_id long, quantity int, unit_price decimal(12,2), discount decimal(12,2), currency string, event_time timestamp, _position long, _partition int, _offset long, _order_time timestamp, _ingested_at timestamp)
-- deleted_kept: files, with place, of silver/order_events__deleted (event_id string, event_type string, order_id long, line_number int, product_id long, quantity int, unit_price decimal(12,2), discount decimal(12,2), currency string, event_time timestamp, _position long, _partition int, _offset long, _order_time timestamp, _ingested_at timestamp)

CREATE TEMPORARY VIEW truncated AS
SELECT CAST(0 AS BIGINT) AS _epoch, CAST(0 AS BIGINT) AS _position WHERE false
;

CREATE TEMPORARY VIEW waiting AS
SELECT * FROM quarantine_rows WHERE _held
;

-- Figures: waiting_rows.
SELECT count(*) AS waiting FROM waiting
;

CACHE TABLE releasable AS
SELECT _file AS _bronze_file, _file_row AS _bronze_row, true AS _now FROM (WITH source AS (
  SELECT _bronze_file AS _file, _bronze_row AS _file_row, _bronze_version, _position, _rules,
    octet_length(_row) AS _size,
    _texts[0] AS _s_value
  FROM (SELECT *, array(get_json_object(_row, '$[\'value\']')) AS _texts FROM waiting) AS received
),
prepared AS (
  SELECT *,
    replace(replace(replace(replace(regexp_replace(_s_value, '("[^"\\\\]*+(?:\\\\.[^"\\\\]*+)*+")|(-?[0-9][0-9.eE+-]*+)|(null)', concat('$1', chr(1), '$2', chr(2), '$3', chr(3))), concat(chr(1), chr(2), 'null', chr(3)), '"\\u0002"'), concat(chr(1), chr(2), chr(3)), ''), chr(1), '"\\u0001'), concat(chr(2), chr(3)), '"') AS _exact_value
  FROM source
),
parsed AS (
  SELECT *,
    CASE WHEN CASE WHEN _s_value IS NOT NULL THEN _s_value RLIKE '^[ \\t\\n\\r]*+[{]' AND _s_value RLIKE '^(?:[ \\t\\n\\r]++|[{}\\[\\]:,]|"(?:[^"\\\\\\x00-\\x1f]++|\\\\(?:["\\\\/bfnrt]|u(?:[0-9A-Ca-cEeFf][0-9A-Fa-f]{3}|[dD][0-7][0-9A-Fa-f]{2}|[dD][89ABab][0-9A-Fa-f]{2}\\\\u[dD][C-Fc-f][0-9A-Fa-f]{2})))*+"|-?(?:0|[1-9][0-9]*+)(?:[.][0-9]++)?(?:[eE][+-]?[0-9]++)?(?![0-9.eE+-]|[ \\t\\n\\r]*+:)|true|false|null)*+\\z' AND coalesce(json_array_length(concat('[', _exact_value, ']')) = 1 AND json_array_length(concat('[', _exact_value, ',0]')) = 2, false) END THEN transform(array(get_json_object(_exact_value, '$.event_id'), get_json_object(_exact_value, '$.event_type'), get_json_object(_exact_value, '$.order_id'), get_json_object(_exact_value, '$.line.number'), get_json_object(_exact_value, '$.line.product_id'), get_json_object(_exact_value, '$.line.quantity'), get_json_object(_exact_value, '$.line.unit_price'), get_json_object(_exact_value, '$.line.discount'), get_json_object(_exact_value, '$.currency'), get_json_object(_exact_value, '$.timestamp')), _text -> CASE WHEN left(_text, 1) = chr(1) THEN substr(_text, 2) WHEN _text = chr(2) THEN NULL WHEN _text LIKE '{%' OR _text LIKE '[%' THEN replace(regexp_replace(_text, '"\\\\u0001(-?[0-9][0-9.eE+-]*)"', '$1'), '"\\u0002"', 'null') ELSE _text END) END AS _json_value
  FROM prepared
),
typed AS (
  SELECT _file, _file_row, _bronze_version, _position, _rules, _size,
    CASE WHEN _json_value[2] RLIKE '^[+-]?[0-9]+\\z' THEN TRY_CAST(_json_value[2] AS BIGINT) END AS `order_id`,
    CASE WHEN _json_value[4] RLIKE '^[+-]?[0-9]+\\z' THEN TRY_CAST(_json_value[4] AS BIGINT) END AS `product_id`
  FROM parsed
)
SELECT _file, _file_row, row_number() OVER (ORDER BY _bronze_version ASC NULLS FIRST, _file ASC NULLS FIRST, _file_row ASC NULLS FIRST ROWS UNBOUNDED PRECEDING) AS _n, CAST(sum(_size) OVER (ORDER BY _bronze_version ASC NULLS FIRST, _file ASC NULLS FIRST, _file_row ASC NULLS FIRST ROWS UNBOUNDED PRECEDING) AS BIGINT) AS _bytes
FROM typed AS r
  LEFT JOIN (SELECT DISTINCT `order_id` AS _to FROM `silver__customer_orders`) AS reference_0
    ON reference_0._to = r.`order_id`
  LEFT JOIN (SELECT DISTINCT `product_id` AS _to FROM `silver__product_catalog`) AS reference_1
    ON reference_1._to = r.`product_id`
WHERE concat_ws(',',
      CASE WHEN r.`order_id` IS NOT NULL AND reference_0._to IS NULL THEN 'order_exists' END,
      CASE WHEN r.`product_id` IS NOT NULL AND reference_1._to IS NULL THEN 'product_exists' END) <> r._rules) AS released
;

CREATE TEMPORARY VIEW held AS
SELECT * FROM waiting SEMI JOIN (SELECT * FROM releasable WHERE _now) AS leaving USING (_bronze_file, _bronze_row)
;

-- Figures: taken_rows.
SELECT count(*) AS taken FROM held WHERE _held
;

-- Figures: behind.
SELECT count(*) AS behind FROM releasable WHERE NOT _now
;

-- Where a rule fails on a row, rules are judged row by row in place of this.
CACHE TABLE checked AS
-- silver/order_events from bronze/events/order_events
WITH source AS (
  SELECT `_partition` AS _s__partition,
    `_offset` AS _s__offset,
    `_timestamp` AS _s__timestamp,
    `_key` AS _s__key,
    `_headers` AS _s__headers,
    `value` AS _s_value,
    `_op` AS _s__op,
    `_position` AS _s__position,
    `_ingested_at` AS _s__ingested_at,
    _file, _file_row, CAST(NULL AS STRING) AS _held_rules, CAST(NULL AS STRING) AS _held_row,
    CAST(NULL AS BIGINT) AS _held_version, CAST(NULL AS TIMESTAMP) AS _held_at
  FROM bronze
  UNION ALL
  SELECT TRY_CAST(_texts[0] AS INT),
    TRY_CAST(_texts[1] AS BIGINT),
    TRY_CAST(_texts[2] AS TIMESTAMP),
    _texts[3],
    _texts[4],
    _texts[5],
    _texts[6],
    TRY_CAST(_texts[7] AS BIGINT),
    TRY_CAST(_texts[8] AS TIMESTAMP),
    _bronze_file, _bronze_row, _rules, _row, _bronze_version, _quarantined_at
  FROM (SELECT *, array(get_json_object(_row, '$[\'_partition\']'), get_json_object(_row, '$[\'_offset\']'), get_json_object(_row, '$[\'_timestamp\']'), get_json_object(_row, '$[\'_key\']'), get_json_object(_row, '$[\'_headers\']'), get_json_object(_row, '$[\'value\']'), get_json_object(_row, '$[\'_op\']'), get_json_object(_row, '$[\'_position\']'), get_json_object(_row, '$[\'_ingested_at\']')) AS _texts FROM held) AS received
),
prepared AS (
  SELECT *,
    replace(replace(replace(replace(regexp_replace(_s_value, '("[^"\\\\]*+(?:\\\\.[^"\\\\]*+)*+")|(-?[0-9][0-9.eE+-]*+)|(null)', concat('$1', chr(1), '$2', chr(2), '$3', chr(3))), concat(chr(1), chr(2), 'null', chr(3)), '"\\u0002"'), concat(chr(1), chr(2), chr(3)), ''), chr(1), '"\\u0001'), concat(chr(2), chr(3)), '"') AS _exact_value
  FROM source
),
parsed AS (
  SELECT *,
    CASE WHEN CASE WHEN _s_value IS NOT NULL THEN _s_value RLIKE '^[ \\t\\n\\r]*+[{]' AND _s_value RLIKE '^(?:[ \\t\\n\\r]++|[{}\\[\\]:,]|"(?:[^"\\\\\\x00-\\x1f]++|\\\\(?:["\\\\/bfnrt]|u(?:[0-9A-Ca-cEeFf][0-9A-Fa-f]{3}|[dD][0-7][0-9A-Fa-f]{2}|[dD][89ABab][0-9A-Fa-f]{2}\\\\u[dD][C-Fc-f][0-9A-Fa-f]{2})))*+"|-?(?:0|[1-9][0-9]*+)(?:[.][0-9]++)?(?:[eE][+-]?[0-9]++)?(?![0-9.eE+-]|[ \\t\\n\\r]*+:)|true|false|null)*+\\z' AND coalesce(json_array_length(concat('[', _exact_value, ']')) = 1 AND json_array_length(concat('[', _exact_value, ',0]')) = 2, false) END THEN transform(array(get_json_object(_exact_value, '$.event_id'), get_json_object(_exact_value, '$.event_type'), get_json_object(_exact_value, '$.order_id'), get_json_object(_exact_value, '$.line.number'), get_json_object(_exact_value, '$.line.product_id'), get_json_object(_exact_value, '$.line.quantity'), get_json_object(_exact_value, '$.line.unit_price'), get_json_object(_exact_value, '$.line.discount'), get_json_object(_exact_value, '$.currency'), get_json_object(_exact_value, '$.timestamp')), _text -> CASE WHEN left(_text, 1) = chr(1) THEN substr(_text, 2) WHEN _text = chr(2) THEN NULL WHEN _text LIKE '{%' OR _text LIKE '[%' THEN replace(regexp_replace(_text, '"\\\\u0001(-?[0-9][0-9.eE+-]*)"', '$1'), '"\\u0002"', 'null') ELSE _text END) END AS _json_value
  FROM prepared
),
typed AS (
  SELECT *,
    _json_value[0] AS `event_id`,
    _json_value[1] AS `event_type`,
    CASE WHEN _json_value[2] RLIKE '^[+-]?[0-9]+\\z' THEN TRY_CAST(_json_value[2] AS BIGINT) END AS `order_id`,
    CASE WHEN _json_value[3] RLIKE '^[+-]?[0-9]+\\z' THEN TRY_CAST(_json_value[3] AS INT) END AS `line_number`,
    CASE WHEN _json_value[4] RLIKE '^[+-]?[0-9]+\\z' THEN TRY_CAST(_json_value[4] AS BIGINT) END AS `product_id`,
    CASE WHEN _json_value[5] RLIKE '^[+-]?[0-9]+\\z' THEN TRY_CAST(_json_value[5] AS INT) END AS `quantity`,
    CASE WHEN _json_value[6] RLIKE '^[+-]?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]{1,3})?\\z' THEN TRY_CAST(_json_value[6] AS DECIMAL(12, 2)) END AS `unit_price`,
    CASE WHEN _json_value[7] RLIKE '^[+-]?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]{1,3})?\\z' THEN TRY_CAST(_json_value[7] AS DECIMAL(12, 2)) END AS `discount`,
    _json_value[8] AS `currency`,
    CASE WHEN _json_value[9] RLIKE '^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]+)?(Z|[+-](0[0-9]|1[0-7])(:?[0-5][0-9])?|[+-]18(:?00)?)?)?\\z' AND left(_json_value[9], 4) <> '0000' THEN TRY_CAST(_json_value[9] AS TIMESTAMP) END AS `event_time`,
    _s__position AS _position,
    _s__partition AS _partition,
    _s__offset AS _offset,
    _s__timestamp AS _order_time,
    _s__ingested_at AS _ingested_at,
    _s__op AS _op
  FROM parsed
),
ruled AS (
  SELECT *,
    CASE WHEN _op <> 'd' AND _json_value IS NULL THEN 'malformed_json' ELSE concat_ws(',',
      CASE WHEN _op <> 'd' AND _json_value[0] IS NULL THEN 'required:event_id' END,
      CASE WHEN _op <> 'd' AND _json_value[1] IS NULL THEN 'required:event_type' END,
      CASE WHEN `order_id` IS NULL AND _json_value[2] IS NOT NULL THEN 'type:order_id' END,
      CASE WHEN _json_value[2] IS NULL THEN 'required:order_id' END,
      CASE WHEN `line_number` IS NULL AND _json_value[3] IS NOT NULL THEN 'type:line_number' END,
      CASE WHEN _json_value[3] IS NULL THEN 'required:line_number' END,
      CASE WHEN _op <> 'd' AND `product_id` IS NULL AND _json_value[4] IS NOT NULL THEN 'type:product_id' END,
      CASE WHEN _op <> 'd' AND _json_value[4] IS NULL THEN 'required:product_id' END,
      CASE WHEN _op <> 'd' AND `quantity` IS NULL AND _json_value[5] IS NOT NULL THEN 'type:quantity' END,
      CASE WHEN _op <> 'd' AND _json_value[5] IS NULL THEN 'required:quantity' END,
      CASE WHEN _op <> 'd' AND `unit_price` IS NULL AND _json_value[6] IS NOT NULL THEN 'type:unit_price' END,
      CASE WHEN _op <> 'd' AND _json_value[6] IS NULL THEN 'required:unit_price' END,
      CASE WHEN _op <> 'd' AND `discount` IS NULL AND _json_value[7] IS NOT NULL THEN 'type:discount' END,
      CASE WHEN _op <> 'd' AND _json_value[7] IS NULL THEN 'required:discount' END,
      CASE WHEN _op <> 'd' AND _json_value[8] IS NULL THEN 'required:currency' END,
      CASE WHEN _op <> 'd' AND `event_time` IS NULL AND _json_value[9] IS NOT NULL THEN 'type:event_time' END,
      CASE WHEN _op <> 'd' AND _json_value[9] IS NULL THEN 'required:event_time' END,
      CASE WHEN _op <> 'd' AND NOT (quantity > 0) THEN 'quantity_positive' END,
      CASE WHEN _op <> 'd' AND NOT (event_type IN ('line_added', 'line_changed')) THEN 'type_known' END) END AS _broken,
    '' AS _warned,
    '' AS _failed
  FROM typed
),
referenced AS (
  SELECT r.*,
    concat_ws(',',
      CASE WHEN _op <> 'd' AND _broken = '' AND `order_id` IS NOT NULL AND reference_0._to IS NULL THEN 'order_exists' END,
      CASE WHEN _op <> 'd' AND _broken = '' AND `product_id` IS NOT NULL AND reference_1._to IS NULL THEN 'product_exists' END) AS _missing,
    '' AS _missing_warned,
    '' AS _missing_failed
  FROM ruled AS r
  LEFT JOIN (SELECT DISTINCT `order_id` AS _to FROM `silver__customer_orders`) AS reference_0
    ON reference_0._to = r.`order_id`
  LEFT JOIN (SELECT DISTINCT `product_id` AS _to FROM `silver__product_catalog`) AS reference_1
    ON reference_1._to = r.`product_id`
),
decided AS (
  SELECT *, _broken || _missing AS _rules FROM referenced
)
SELECT `event_id`,
  `event_type`,
  `order_id`,
  `line_number`,
  `product_id`,
  `quantity`,
  `unit_price`,
  `discount`,
  `currency`,
  `event_time`,
  _position,
  _partition,
  _offset,
  _order_time,
  _ingested_at,
  _op, false AS _truncated, _rules,
  _broken = '' AND _missing <> '' AS _held,
  concat_ws(',', NULLIF(_warned, ''), NULLIF(_missing_warned, '')) AS _warnings,
  concat_ws(',', NULLIF(_failed, ''), NULLIF(_missing_failed, '')) AS _failures,
  _held_rules, _held_version, _held_at,
  CASE WHEN _rules <> '' OR _held_rules IS NOT NULL THEN _file END AS _file,
  CASE WHEN _rules <> '' OR _held_rules IS NOT NULL THEN _file_row END AS _file_row,
  CASE WHEN _rules <> '' THEN COALESCE(_held_row, to_json(named_struct('_partition', CAST(_s__partition AS STRING), '_offset', CAST(_s__offset AS STRING), '_timestamp', concat(CAST(_s__timestamp AS STRING), '+00'), '_key', _s__key, '_headers', _s__headers, 'value', _s_value, '_op', _s__op, '_position', CAST(_s__position AS STRING), '_ingested_at', concat(CAST(_s__ingested_at AS STRING), '+00')), map('ignoreNullFields', 'false'))) END AS _row,
  CASE WHEN _rules <> '' THEN _json_value[2] END AS _key_order_id,
  CASE WHEN _rules <> '' THEN _json_value[3] END AS _key_line_number
FROM decided
;

-- No row may come of this: "rule {0} with severity fail is broken (rows: {1}, the first at position {2}): the table stands, and what is made of it".
SELECT _failures, CAST(count(*) AS STRING), CAST(min(_position) AS STRING) FROM (SELECT * FROM checked WHERE _failures <> '') AS stopping GROUP BY _failures ORDER BY count(*) DESC NULLS LAST, _failures ASC NULLS FIRST LIMIT 1
;

CACHE TABLE last_truncate AS
SELECT * FROM (SELECT 0 AS _epoch, _position AS _position, 0 AS _place FROM checked WHERE _op = 't') AS ends ORDER BY _epoch DESC NULLS LAST, _position DESC NULLS LAST, _place DESC NULLS LAST LIMIT 1
;

-- Figures: truncate.
SELECT CAST(_epoch AS BIGINT) AS _epoch, _position FROM last_truncate WHERE _position IS NOT NULL
;

CACHE TABLE emptied AS
SELECT t.`order_id`, t.`line_number` FROM table_rows AS t CROSS JOIN last_truncate AS l
WHERE COALESCE(t._position < l._position, false)
;

CREATE TEMPORARY VIEW table_changes AS
SELECT `order_id`, `line_number` FROM checked WHERE `order_id` IS NOT NULL AND `line_number` IS NOT NULL UNION ALL SELECT `order_id`, `line_number` FROM emptied
;

CACHE TABLE matched AS
SELECT * FROM table_near SEMI JOIN table_changes USING (`order_id`, `line_number`)
;

CREATE TEMPORARY VIEW existing AS
SELECT * FROM matched ANTI JOIN emptied USING (`order_id`, `line_number`)
;

CREATE TEMPORARY VIEW deleted_changes AS
SELECT `order_id`, `line_number` FROM checked WHERE `order_id` IS NOT NULL AND `line_number` IS NOT NULL
;

CACHE TABLE tombstones AS
SELECT * FROM deleted_near SEMI JOIN deleted_changes USING (`order_id`, `line_number`)
;

CACHE TABLE settled AS
WITH touched AS (
  SELECT DISTINCT `order_id`, `line_number` FROM checked WHERE _rules = '' AND `order_id` IS NOT NULL AND `line_number` IS NOT NULL
),
near AS (
  SELECT * FROM (SELECT *, CASE WHEN `order_id` RLIKE '^[+-]?[0-9]+\\z' THEN TRY_CAST(`order_id` AS BIGINT) END AS _k_0, CASE WHEN `line_number` RLIKE '^[+-]?[0-9]+\\z' THEN TRY_CAST(`line_number` AS INT) END AS _k_1 FROM quarantine_rows) AS q
  SEMI JOIN (SELECT `order_id` AS _k_0, `line_number` AS _k_1 FROM touched) AS t USING (_k_0, _k_1)
),
source AS (
  SELECT _bronze_file AS _file, _bronze_row AS _file_row, _held AS _waited,
    TRY_CAST(_texts[0] AS INT) AS _s__partition,
    TRY_CAST(_texts[1] AS BIGINT) AS _s__offset,
    TRY_CAST(_texts[2] AS TIMESTAMP) AS _s__timestamp,
    _texts[3] AS _s_value
  FROM (SELECT *, array(get_json_object(_row, '$[\'_partition\']'), get_json_object(_row, '$[\'_offset\']'), get_json_object(_row, '$[\'_timestamp\']'), get_json_object(_row, '$[\'value\']')) AS _texts FROM (SELECT * FROM near ANTI JOIN held USING (_bronze_file, _bronze_row)) AS others) AS received
),
prepared AS (
  SELECT *,
    replace(replace(replace(replace(regexp_replace(_s_value, '("[^"\\\\]*+(?:\\\\.[^"\\\\]*+)*+")|(-?[0-9][0-9.eE+-]*+)|(null)', concat('$1', chr(1), '$2', chr(2), '$3', chr(3))), concat(chr(1), chr(2), 'null', chr(3)), '"\\u0002"'), concat(chr(1), chr(2), chr(3)), ''), chr(1), '"\\u0001'), concat(chr(2), chr(3)), '"') AS _exact_value
  FROM source
),
parsed AS (
  SELECT *,
    CASE WHEN CASE WHEN _s_value IS NOT NULL THEN _s_value RLIKE '^[ \\t\\n\\r]*+[{]' AND _s_value RLIKE '^(?:[ \\t\\n\\r]++|[{}\\[\\]:,]|"(?:[^"\\\\\\x00-\\x1f]++|\\\\(?:["\\\\/bfnrt]|u(?:[0-9A-Ca-cEeFf][0-9A-Fa-f]{3}|[dD][0-7][0-9A-Fa-f]{2}|[dD][89ABab][0-9A-Fa-f]{2}\\\\u[dD][C-Fc-f][0-9A-Fa-f]{2})))*+"|-?(?:0|[1-9][0-9]*+)(?:[.][0-9]++)?(?:[eE][+-]?[0-9]++)?(?![0-9.eE+-]|[ \\t\\n\\r]*+:)|true|false|null)*+\\z' AND coalesce(json_array_length(concat('[', _exact_value, ']')) = 1 AND json_array_length(concat('[', _exact_value, ',0]')) = 2, false) END THEN transform(array(get_json_object(_exact_value, '$.event_id'), get_json_object(_exact_value, '$.event_type'), get_json_object(_exact_value, '$.order_id'), get_json_object(_exact_value, '$.line.number'), get_json_object(_exact_value, '$.line.product_id'), get_json_object(_exact_value, '$.line.quantity'), get_json_object(_exact_value, '$.line.unit_price'), get_json_object(_exact_value, '$.line.discount'), get_json_object(_exact_value, '$.currency'), get_json_object(_exact_value, '$.timestamp')), _text -> CASE WHEN left(_text, 1) = chr(1) THEN substr(_text, 2) WHEN _text = chr(2) THEN NULL WHEN _text LIKE '{%' OR _text LIKE '[%' THEN replace(regexp_replace(_text, '"\\\\u0001(-?[0-9][0-9.eE+-]*)"', '$1'), '"\\u0002"', 'null') ELSE _text END) END AS _json_value
  FROM prepared
),
keyed AS (
  SELECT _file, _file_row, _waited,
    CASE WHEN _json_value[2] RLIKE '^[+-]?[0-9]+\\z' THEN TRY_CAST(_json_value[2] AS BIGINT) END AS `order_id`,
    CASE WHEN _json_value[3] RLIKE '^[+-]?[0-9]+\\z' THEN TRY_CAST(_json_value[3] AS INT) END AS `line_number`,
    _s__timestamp AS `_order_time`,
    _s__partition AS `_partition`,
    _s__offset AS `_offset`
  FROM parsed
),
waiting_rows AS (
  SELECT _file, _file_row, _waited,
    `order_id`,
    `line_number`,
    `_order_time`,
    `_partition`,
    `_offset`
  FROM keyed
),
opened AS (
  SELECT `order_id`, `line_number` FROM checked WHERE _rules <> '' AND `order_id` IS NOT NULL AND `line_number` IS NOT NULL UNION SELECT `order_id`, `line_number` FROM waiting_rows
),
places AS (
  SELECT _file, _file_row, _held_rules IS NOT NULL AS _was, _held AS _waited, `order_id`, `line_number`, `_order_time`, `_partition`, `_offset`, _rules = '' AND (_op = 'd' OR true) AS _settles, _rules <> '' AS _open
  FROM checked WHERE `order_id` IS NOT NULL AND `line_number` IS NOT NULL
  UNION ALL
  SELECT CAST(NULL AS STRING), CAST(NULL AS BIGINT), false, false, `order_id`, `line_number`, `_order_time`, `_partition`, `_offset`, true, false FROM existing
  UNION ALL
  SELECT CAST(NULL AS STRING), CAST(NULL AS BIGINT), false, false, `order_id`, `line_number`, `_order_time`, `_partition`, `_offset`, true, false FROM tombstones
  UNION ALL
  SELECT _file, _file_row, true, _waited, `order_id`, `line_number`, `_order_time`, `_partition`, `_offset`, false, true FROM waiting_rows
),
ranked AS (
  SELECT *, row_number() OVER (PARTITION BY `order_id`, `line_number` ORDER BY `_order_time` ASC NULLS FIRST, `_partition` ASC NULLS FIRST, `_offset` ASC NULLS FIRST, CASE WHEN _settles THEN 1 WHEN _open AND _waited THEN 2 ELSE 0 END ASC NULLS FIRST) AS _n
  FROM places SEMI JOIN opened USING (`order_id`, `line_number`)
),
passed AS (
  SELECT _file, _file_row, _was, _waited, 0 AS _gone
  FROM (SELECT *, max(CASE WHEN _settles THEN _n END) OVER (PARTITION BY `order_id`, `line_number`) AS _last FROM ranked) AS r
  WHERE _open AND _n < _last
)
SELECT _file, _file_row, _was, _waited, max(_gone) AS _gone FROM passed GROUP BY _file, _file_row, _was, _waited
;

-- Figures: settled_rows.
SELECT count(*) FILTER (WHERE _was) AS left_rows, count(*) FILTER (WHERE NOT _was) AS new_rows, count(*) FILTER (WHERE _gone = 1) AS gone, count(*) FILTER (WHERE _waited) AS waited FROM settled
;

CACHE TABLE latest AS
SELECT * FROM (WITH candidates AS (
  SELECT `event_id`, `event_type`, `order_id`, `line_number`, `product_id`, `quantity`, `unit_price`, `discount`, `currency`, `event_time`, `_position`, `_partition`, `_offset`, `_order_time`, `_ingested_at`, _op, false AS _existing FROM checked WHERE _rules = ''
  UNION ALL
  SELECT `event_id`, `event_type`, `order_id`, `line_number`, `product_id`, `quantity`, `unit_price`, `discount`, `currency`, `event_time`, `_position`, `_partition`, `_offset`, `_order_time`, `_ingested_at`, 'r', true FROM existing
  UNION ALL
  SELECT `event_id`, `event_type`, `order_id`, `line_number`, `product_id`, `quantity`, `unit_price`, `discount`, `currency`, `event_time`, `_position`, `_partition`, `_offset`, `_order_time`, `_ingested_at`, 'd', true FROM tombstones
)
SELECT `event_id`, `event_type`, `order_id`, `line_number`, `product_id`, `quantity`, `unit_price`, `discount`, `currency`, `event_time`, `_position`, `_partition`, `_offset`, `_order_time`, `_ingested_at`, _op, _existing
FROM (SELECT *, row_number() OVER (PARTITION BY `order_id`, `line_number` ORDER BY `_order_time` DESC NULLS LAST, `_partition` DESC NULLS LAST, `_offset` DESC NULLS LAST, _existing DESC NULLS LAST) AS _rank FROM candidates) AS ranked
WHERE _rank = 1) AS decided WHERE NOT _existing
;

CREATE TEMPORARY VIEW upserts AS
SELECT * FROM latest WHERE _op <> 'd'
;

CREATE TEMPORARY VIEW gone AS
SELECT * FROM latest WHERE _op = 'd'
;

CREATE TEMPORARY VIEW removed AS
SELECT `order_id`, `line_number` FROM gone UNION ALL SELECT `order_id`, `line_number` FROM emptied ANTI JOIN upserts USING (`order_id`, `line_number`)
;

CREATE TEMPORARY VIEW table_touched AS
SELECT `order_id`, `line_number` FROM upserts UNION ALL SELECT `order_id`, `line_number` FROM removed
;

CACHE TABLE table_replaced AS
SELECT _file, _file_row FROM matched SEMI JOIN table_touched USING (`order_id`, `line_number`)
;

CACHE TABLE table_rewritten AS
SELECT DISTINCT _file FROM table_replaced
;

CREATE TEMPORARY VIEW table_written AS
SELECT `event_id`, `event_type`, `order_id`, `line_number`, `product_id`, `quantity`, `unit_price`, `discount`, `currency`, `event_time`, `_position`, `_partition`, `_offset`, `_order_time`, `_ingested_at` FROM (SELECT * FROM table_kept SEMI JOIN table_rewritten USING (_file)) AS kept ANTI JOIN table_replaced USING (_file, _file_row)
UNION ALL SELECT `event_id`, `event_type`, `order_id`, `line_number`, `product_id`, `quantity`, `unit_price`, `discount`, `currency`, `event_time`, `_position`, `_partition`, `_offset`, `_order_time`, `_ingested_at` FROM upserts
;

-- Written to silver/order_events.
SELECT * FROM table_written
;

-- Figures: table_rows.
SELECT count(*) AS upserted FROM upserts
;

-- Figures: counts.
SELECT count(*) FILTER (WHERE _held_rules IS NULL) AS rows_in, count(*) FILTER (WHERE _held_rules IS NOT NULL AND _rules = '') AS released,
  count(*) FILTER (WHERE _rules <> '' AND _held_rules IS NULL) AS quarantined, count(*) FILTER (WHERE _rules = '' AND NOT (_truncated OR _op IN ('d', 't'))) AS good,
  count(*) FILTER (WHERE _rules = '' AND (_truncated OR _op IN ('d', 't'))) AS deleted, count(*) FILTER (WHERE _held_rules IS NULL AND _ingested_at >= TIMESTAMP '1969-12-31 23:59:30.000000+00') AS timely,
  count(*) FILTER (WHERE _rules <> '' AND _held) AS held, count(*) FILTER (WHERE _rules <> '' AND _held_rules IS NULL AND NOT _held) AS set_aside
FROM checked
;

-- Figures: truncated_rows.
SELECT count(*) AS truncated FROM emptied
;

-- Figures: quarantined_by_rule.
SELECT rule, count(*) AS broken FROM (SELECT explode(split(_rules, ',')) AS rule FROM checked WHERE _rules <> '' AND _held_rules IS NULL) AS broken_rules GROUP BY rule
;

-- Figures: warned_by_rule.
SELECT rule, count(*) AS broken FROM (SELECT explode(split(_warnings, ',')) AS rule FROM checked WHERE _warnings <> '' AND _held_rules IS NULL) AS broken_rules GROUP BY rule
;

-- Figures: set_aside_by_rule.
SELECT rule, count(*) AS broken FROM (SELECT explode(split(_rules, ',')) AS rule FROM checked WHERE _rules <> '' AND _held_rules IS NULL AND NOT _held) AS broken_rules GROUP BY rule
;

CREATE TEMPORARY VIEW quarantined AS
SELECT _key_order_id AS `order_id`, _key_line_number AS `line_number`, _rules, _held, _row, _op, _position,
  _file AS _bronze_file, _file_row AS _bronze_row,
  COALESCE(_held_version, 0) AS _bronze_version,
  COALESCE(_held_at, TIMESTAMP '1970-01-01 00:00:00.000000+00') AS _quarantined_at, CAST(7170470137691307806 AS BIGINT) AS _judging
FROM checked ANTI JOIN settled USING (_file, _file_row) WHERE _rules <> '' AND (_held_rules IS NULL OR _rules <> _held_rules)
;

CREATE TEMPORARY VIEW released AS
SELECT _file AS _bronze_file, _file_row AS _bronze_row FROM checked WHERE _rules = '' AND _held_rules IS NOT NULL UNION ALL SELECT _file, _file_row FROM settled WHERE _was
;

CREATE TEMPORARY VIEW quarantine_changes AS
SELECT _file AS _bronze_file, _file_row AS _bronze_row FROM checked WHERE _held_rules IS NOT NULL UNION SELECT _file, _file_row FROM settled WHERE _was
;

CACHE TABLE quarantine_existing AS
SELECT * FROM quarantine_near SEMI JOIN quarantine_changes USING (`_bronze_file`, `_bronze_row`)
;

CREATE TEMPORARY VIEW quarantine_touched AS
SELECT `_bronze_file`, `_bronze_row` FROM quarantined UNION ALL SELECT `_bronze_file`, `_bronze_row` FROM released
;

CACHE TABLE quarantine_replaced AS
SELECT _file, _file_row FROM quarantine_existing SEMI JOIN quarantine_touched USING (`_bronze_file`, `_bronze_row`)
;

CACHE TABLE quarantine_rewritten AS
SELECT DISTINCT _file FROM quarantine_replaced
;

CREATE TEMPORARY VIEW quarantine_written AS
SELECT `order_id`, `line_number`, `_rules`, `_held`, `_row`, `_op`, `_position`, `_bronze_file`, `_bronze_row`, `_bronze_version`, `_quarantined_at`, `_judging` FROM (SELECT * FROM quarantine_kept SEMI JOIN quarantine_rewritten USING (_file)) AS kept ANTI JOIN quarantine_replaced USING (_file, _file_row)
UNION ALL SELECT `order_id`, `line_number`, `_rules`, `_held`, `_row`, `_op`, `_position`, `_bronze_file`, `_bronze_row`, `_bronze_version`, `_quarantined_at`, `_judging` FROM quarantined
;

-- Written to silver/order_events__quarantine.
SELECT * FROM quarantine_written
;

-- Figures: quarantine_rows.
SELECT count(*) AS upserted FROM quarantined
;

CREATE TEMPORARY VIEW deleted_touched AS
SELECT `order_id`, `line_number` FROM gone
;

CACHE TABLE deleted_replaced AS
SELECT _file, _file_row FROM tombstones SEMI JOIN deleted_touched USING (`order_id`, `line_number`)
;

CACHE TABLE deleted_rewritten AS
SELECT DISTINCT _file FROM deleted_replaced
;

CREATE TEMPORARY VIEW deleted_written AS
SELECT `event_id`, `event_type`, `order_id`, `line_number`, `product_id`, `quantity`, `unit_price`, `discount`, `currency`, `event_time`, `_position`, `_partition`, `_offset`, `_order_time`, `_ingested_at` FROM (SELECT * FROM deleted_kept SEMI JOIN deleted_rewritten USING (_file)) AS kept ANTI JOIN deleted_replaced USING (_file, _file_row)
UNION ALL SELECT `event_id`, `event_type`, `order_id`, `line_number`, `product_id`, `quantity`, `unit_price`, `discount`, `currency`, `event_time`, `_position`, `_partition`, `_offset`, `_order_time`, `_ingested_at` FROM gone
;

-- Written to silver/order_events__deleted.
SELECT * FROM deleted_written
;

-- Figures: deleted_rows.
SELECT count(*) AS upserted FROM gone
;

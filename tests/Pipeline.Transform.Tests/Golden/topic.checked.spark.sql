-- silver/users from bronze/events/user_events
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
    CASE WHEN CASE WHEN _s_value IS NOT NULL THEN _s_value RLIKE '^[ \\t\\n\\r]*+[{]' AND _s_value RLIKE '^(?:[ \\t\\n\\r]++|[{}\\[\\]:,]|"(?:[^"\\\\\\x00-\\x1f]++|\\\\(?:["\\\\/bfnrt]|u(?:[0-9A-Ca-cEeFf][0-9A-Fa-f]{3}|[dD][0-7][0-9A-Fa-f]{2}|[dD][89ABab][0-9A-Fa-f]{2}\\\\u[dD][C-Fc-f][0-9A-Fa-f]{2})))*+"|-?(?:0|[1-9][0-9]*+)(?:[.][0-9]++)?(?:[eE][+-]?[0-9]++)?(?![0-9.eE+-]|[ \\t\\n\\r]*+:)|true|false|null)*+\\z' AND coalesce(json_array_length(concat('[', _exact_value, ']')) = 1 AND json_array_length(concat('[', _exact_value, ',0]')) = 2, false) END THEN transform(array(get_json_object(_exact_value, '$.event_id'), get_json_object(_exact_value, '$.user.id'), get_json_object(_exact_value, '$.is_test'), get_json_object(_exact_value, '$.day'), get_json_object(_exact_value, '$.timestamp')), _text -> CASE WHEN left(_text, 1) = chr(1) THEN substr(_text, 2) WHEN _text = chr(2) THEN NULL WHEN _text LIKE '{%' OR _text LIKE '[%' THEN replace(regexp_replace(_text, '"\\\\u0001(-?[0-9][0-9.eE+-]*)"', '$1'), '"\\u0002"', 'null') ELSE _text END) END AS _json_value
  FROM prepared
),
typed AS (
  SELECT *,
    _json_value[0] AS `event_id`,
    CASE WHEN _json_value[1] RLIKE '^[+-]?[0-9]+\\z' THEN TRY_CAST(_json_value[1] AS BIGINT) END AS `user_id`,
    CASE WHEN lower(_json_value[2]) IN ('true', 't', 'yes', 'y', '1') THEN true WHEN lower(_json_value[2]) IN ('false', 'f', 'no', 'n', '0') THEN false END AS `is_test`,
    CASE WHEN _json_value[3] RLIKE '^[0-9]{4}-[0-9]{2}-[0-9]{2}\\z' AND left(_json_value[3], 4) <> '0000' THEN TRY_CAST(_json_value[3] AS DATE) END AS `day`,
    CASE WHEN _json_value[4] RLIKE '^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]+)?(Z|[+-](0[0-9]|1[0-7])(:?[0-5][0-9])?|[+-]18(:?00)?)?)?\\z' AND left(_json_value[4], 4) <> '0000' THEN TRY_CAST(_json_value[4] AS TIMESTAMP) END AS `event_time`,
    _s__timestamp AS `received_at`,
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
      CASE WHEN _json_value[0] IS NULL THEN 'required:event_id' END,
      CASE WHEN _op <> 'd' AND `user_id` IS NULL AND _json_value[1] IS NOT NULL THEN 'type:user_id' END,
      CASE WHEN _op <> 'd' AND _json_value[1] IS NULL THEN 'required:user_id' END,
      CASE WHEN _op <> 'd' AND `is_test` IS NULL AND _json_value[2] IS NOT NULL THEN 'type:is_test' END,
      CASE WHEN _op <> 'd' AND `day` IS NULL AND _json_value[3] IS NOT NULL THEN 'type:day' END,
      CASE WHEN _op <> 'd' AND `event_time` IS NULL AND _json_value[4] IS NOT NULL THEN 'type:event_time' END) END AS _broken,
    '' AS _warned,
    '' AS _failed
  FROM typed
),
referenced AS (
  SELECT r.*,
    '' AS _missing,
    '' AS _missing_warned,
    '' AS _missing_failed
  FROM ruled AS r
),
decided AS (
  SELECT *, _broken || _missing AS _rules FROM referenced
)
SELECT `event_id`,
  `user_id`,
  `is_test`,
  `day`,
  `event_time`,
  `received_at`,
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
  CASE WHEN _rules <> '' THEN _json_value[0] END AS _key_event_id
FROM decided

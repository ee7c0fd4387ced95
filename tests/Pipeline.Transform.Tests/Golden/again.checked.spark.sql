-- silver/users from bronze/events/users
WITH source AS (
  SELECT `_partition` AS _s__partition,
    `_offset` AS _s__offset,
    `_timestamp` AS _s__timestamp,
    `user_id` AS _s_user_id,
    `email` AS _s_email,
    `_op` AS _s__op,
    `_position` AS _s__position,
    `_ingested_at` AS _s__ingested_at,
    `_epoch` AS _s__epoch,
    `_reading` AS _s__reading,
    `_order_time` AS _s__order_time,
    _file, _file_row, CAST(NULL AS STRING) AS _held_rules, CAST(NULL AS STRING) AS _held_row,
    CAST(NULL AS BIGINT) AS _held_version, CAST(NULL AS TIMESTAMP) AS _held_at
  FROM bronze
  UNION ALL
  SELECT TRY_CAST(_texts[0] AS INT),
    TRY_CAST(_texts[1] AS BIGINT),
    TRY_CAST(_texts[2] AS TIMESTAMP),
    TRY_CAST(_texts[3] AS BIGINT),
    _texts[4],
    _texts[5],
    TRY_CAST(_texts[6] AS BIGINT),
    TRY_CAST(_texts[7] AS TIMESTAMP),
    TRY_CAST(_texts[8] AS INT),
    TRY_CAST(_texts[9] AS INT),
    TRY_CAST(_texts[10] AS TIMESTAMP),
    _bronze_file, _bronze_row, _rules, _row, _bronze_version, _quarantined_at
  FROM (SELECT *, array(get_json_object(_row, '$[\'_partition\']'), get_json_object(_row, '$[\'_offset\']'), get_json_object(_row, '$[\'_timestamp\']'), get_json_object(_row, '$[\'user_id\']'), get_json_object(_row, '$[\'email\']'), get_json_object(_row, '$[\'_op\']'), get_json_object(_row, '$[\'_position\']'), get_json_object(_row, '$[\'_ingested_at\']'), get_json_object(_row, '$[\'_epoch\']'), get_json_object(_row, '$[\'_reading\']'), get_json_object(_row, '$[\'_order_time\']')) AS _texts FROM held) AS received
),
parsed AS (
  SELECT *
  FROM source
),
typed AS (
  SELECT *,
    _s_user_id AS `user_id`,
    _s_email AS `email`,
    _s__position AS _position,
    _s__partition AS _partition,
    _s__offset AS _offset,
    _s__epoch AS _epoch,
    _s__reading AS _reading,
    COALESCE(_s__order_time, _s__timestamp) AS _order_time,
    _s__ingested_at AS _ingested_at,
    _s__op AS _op
  FROM parsed
),
ruled AS (
  SELECT *,
    concat_ws(',',
      CASE WHEN _s_user_id IS NULL THEN 'required:user_id' END) AS _broken,
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
SELECT `user_id`,
  `email`,
  _position,
  _partition,
  _offset,
  _epoch,
  _reading,
  _order_time,
  _ingested_at,
  _op, false AS _truncated, _rules,
  _broken = '' AND _missing <> '' AS _held,
  concat_ws(',', NULLIF(_warned, ''), NULLIF(_missing_warned, '')) AS _warnings,
  concat_ws(',', NULLIF(_failed, ''), NULLIF(_missing_failed, '')) AS _failures,
  _held_rules, _held_version, _held_at,
  CASE WHEN _rules <> '' OR _held_rules IS NOT NULL THEN _file END AS _file,
  CASE WHEN _rules <> '' OR _held_rules IS NOT NULL THEN _file_row END AS _file_row,
  CASE WHEN _rules <> '' THEN COALESCE(_held_row, to_json(named_struct('_partition', CAST(_s__partition AS STRING), '_offset', CAST(_s__offset AS STRING), '_timestamp', concat(CAST(_s__timestamp AS STRING), '+00'), 'user_id', CAST(_s_user_id AS STRING), 'email', _s_email, '_op', _s__op, '_position', CAST(_s__position AS STRING), '_ingested_at', concat(CAST(_s__ingested_at AS STRING), '+00'), '_epoch', CAST(_s__epoch AS STRING), '_reading', CAST(_s__reading AS STRING), '_order_time', concat(CAST(_s__order_time AS STRING), '+00')), map('ignoreNullFields', 'false'))) END AS _row,
  CASE WHEN _rules <> '' THEN CAST(_s_user_id AS STRING) END AS _key_user_id
FROM decided

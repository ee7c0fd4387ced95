-- silver/users from bronze/app/users
WITH source AS (
  SELECT `user_id` AS _s_user_id,
    `email` AS _s_email,
    `notes` AS _s_notes,
    `_changed` AS _s__changed,
    `_op` AS _s__op,
    `_position` AS _s__position,
    `_ingested_at` AS _s__ingested_at,
    _file, _file_row, CAST(NULL AS STRING) AS _held_rules, CAST(NULL AS STRING) AS _held_row,
    CAST(NULL AS BIGINT) AS _held_version, CAST(NULL AS TIMESTAMP) AS _held_at
  FROM bronze
  UNION ALL
  SELECT TRY_CAST(_texts[0] AS BIGINT),
    _texts[1],
    _texts[2],
    _texts[3],
    _texts[4],
    TRY_CAST(_texts[5] AS BIGINT),
    TRY_CAST(_texts[6] AS TIMESTAMP),
    _bronze_file, _bronze_row, _rules, _row, _bronze_version, _quarantined_at
  FROM (SELECT *, array(get_json_object(_row, '$[\'user_id\']'), get_json_object(_row, '$[\'email\']'), get_json_object(_row, '$[\'notes\']'), get_json_object(_row, '$[\'_changed\']'), get_json_object(_row, '$[\'_op\']'), get_json_object(_row, '$[\'_position\']'), get_json_object(_row, '$[\'_ingested_at\']')) AS _texts FROM held) AS received
),
parsed AS (
  SELECT *
  FROM source
),
typed AS (
  SELECT *,
    _s_user_id AS `user_id`,
    _s_email AS `email`,
    _s_notes AS `text`,
    _s__position AS _position,
    _s__ingested_at AS _ingested_at,
    _s__changed AS _changed,
    _s__op AS _op
  FROM parsed
),
truncation AS (
  SELECT 0 AS _epoch, _s__position AS _position, 0 AS _place FROM source WHERE _s__op = 't'
  UNION ALL
  SELECT _epoch, _position, 0 FROM truncated
  ORDER BY _epoch DESC NULLS LAST, _position DESC NULLS LAST, _place DESC NULLS LAST LIMIT 1
),
placed AS (
  SELECT typed.*, COALESCE(typed._position < truncation._position, false) AS _truncated
  FROM typed LEFT JOIN truncation ON true
),
ruled AS (
  SELECT *,
    CASE WHEN _op = 't' THEN '' ELSE concat_ws(',',
      CASE WHEN _s_user_id IS NULL THEN 'required:user_id' END,
      CASE WHEN _op <> 'd' AND (_changed IS NULL OR contains(',' || _changed || ',', ',' || 'email' || ',')) AND _s_email IS NULL THEN 'required:email' END) END AS _broken,
    '' AS _warned,
    '' AS _failed,
    concat_ws(',',
      CASE WHEN _op NOT IN ('d', 't') AND (true) AND NOT ((_changed IS NULL OR contains(',' || _changed || ',', ',' || 'email' || ','))) THEN 'required:email' END) AS _lacks
  FROM placed
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
  `text`,
  _position,
  _ingested_at,
  _changed,
  _op, _truncated, _rules AS _own_rules, CASE WHEN _rules = '' THEN _lacks ELSE '' END AS _lacks,
  _broken = '' AND _missing <> '' AS _held,
  concat_ws(',', NULLIF(_warned, ''), NULLIF(_missing_warned, '')) AS _warnings,
  concat_ws(',', NULLIF(_failed, ''), NULLIF(_missing_failed, '')) AS _failures,
  _held_rules, _held_version, _held_at,
  CASE WHEN (_rules <> '' OR _lacks <> '') OR _held_rules IS NOT NULL THEN _file END AS _file,
  CASE WHEN (_rules <> '' OR _lacks <> '') OR _held_rules IS NOT NULL THEN _file_row END AS _file_row,
  CASE WHEN (_rules <> '' OR _lacks <> '') THEN COALESCE(_held_row, to_json(named_struct('user_id', CAST(_s_user_id AS STRING), 'email', _s_email, 'notes', _s_notes, '_changed', _s__changed, '_op', _s__op, '_position', CAST(_s__position AS STRING), '_ingested_at', concat(CAST(_s__ingested_at AS STRING), '+00')), map('ignoreNullFields', 'false'))) END AS _row,
  CASE WHEN (_rules <> '' OR _lacks <> '') THEN CAST(_s_user_id AS STRING) END AS _key_user_id
FROM decided

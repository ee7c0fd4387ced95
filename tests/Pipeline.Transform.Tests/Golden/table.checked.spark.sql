-- silver/users from bronze/app/users
WITH source AS (
  SELECT `user_id` AS _s_user_id,
    `email` AS _s_email,
    `team_id` AS _s_team_id,
    `score` AS _s_score,
    `phone` AS _s_phone,
    `photo` AS _s_photo,
    `_op` AS _s__op,
    `_position` AS _s__position,
    `_ingested_at` AS _s__ingested_at,
    _file, _file_row, CAST(NULL AS STRING) AS _held_rules, CAST(NULL AS STRING) AS _held_row,
    CAST(NULL AS BIGINT) AS _held_version, CAST(NULL AS TIMESTAMP) AS _held_at
  FROM bronze
  UNION ALL
  SELECT TRY_CAST(_texts[0] AS DECIMAL(38,0)),
    _texts[1],
    TRY_CAST(_texts[2] AS BIGINT),
    _texts[3],
    _texts[4],
    unhex(_texts[5]),
    _texts[6],
    TRY_CAST(_texts[7] AS BIGINT),
    TRY_CAST(_texts[8] AS TIMESTAMP),
    _bronze_file, _bronze_row, _rules, _row, _bronze_version, _quarantined_at
  FROM (SELECT *, array(get_json_object(CASE WHEN _row LIKE 'sealed:%' THEN decode(aes_decrypt(unbase64(split_part(_row, ':', 3)), (SELECT unhex(_mask_rows) FROM mask_key), 'GCM'), 'UTF-8') ELSE _row END, '$[\'user_id\']'), get_json_object(CASE WHEN _row LIKE 'sealed:%' THEN decode(aes_decrypt(unbase64(split_part(_row, ':', 3)), (SELECT unhex(_mask_rows) FROM mask_key), 'GCM'), 'UTF-8') ELSE _row END, '$[\'email\']'), get_json_object(CASE WHEN _row LIKE 'sealed:%' THEN decode(aes_decrypt(unbase64(split_part(_row, ':', 3)), (SELECT unhex(_mask_rows) FROM mask_key), 'GCM'), 'UTF-8') ELSE _row END, '$[\'team_id\']'), get_json_object(CASE WHEN _row LIKE 'sealed:%' THEN decode(aes_decrypt(unbase64(split_part(_row, ':', 3)), (SELECT unhex(_mask_rows) FROM mask_key), 'GCM'), 'UTF-8') ELSE _row END, '$[\'score\']'), get_json_object(CASE WHEN _row LIKE 'sealed:%' THEN decode(aes_decrypt(unbase64(split_part(_row, ':', 3)), (SELECT unhex(_mask_rows) FROM mask_key), 'GCM'), 'UTF-8') ELSE _row END, '$[\'phone\']'), get_json_object(CASE WHEN _row LIKE 'sealed:%' THEN decode(aes_decrypt(unbase64(split_part(_row, ':', 3)), (SELECT unhex(_mask_rows) FROM mask_key), 'GCM'), 'UTF-8') ELSE _row END, '$[\'photo\']'), get_json_object(CASE WHEN _row LIKE 'sealed:%' THEN decode(aes_decrypt(unbase64(split_part(_row, ':', 3)), (SELECT unhex(_mask_rows) FROM mask_key), 'GCM'), 'UTF-8') ELSE _row END, '$[\'_op\']'), get_json_object(CASE WHEN _row LIKE 'sealed:%' THEN decode(aes_decrypt(unbase64(split_part(_row, ':', 3)), (SELECT unhex(_mask_rows) FROM mask_key), 'GCM'), 'UTF-8') ELSE _row END, '$[\'_position\']'), get_json_object(CASE WHEN _row LIKE 'sealed:%' THEN decode(aes_decrypt(unbase64(split_part(_row, ':', 3)), (SELECT unhex(_mask_rows) FROM mask_key), 'GCM'), 'UTF-8') ELSE _row END, '$[\'_ingested_at\']')) AS _texts FROM held) AS received
),
parsed AS (
  SELECT *
  FROM source
),
typed AS (
  SELECT *,
    TRY_CAST(_s_user_id AS BIGINT) AS `user_id`,
    _s_email AS `email`,
    _s_team_id AS `team_id`,
    CASE WHEN _s_score RLIKE '^[+-]?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]{1,3})?\\z' THEN TRY_CAST(_s_score AS DECIMAL(8, 2)) END AS `score`,
    _s_phone AS `phone`,
    _s_photo AS `photo`,
    _s__position AS _position,
    _s__ingested_at AS _ingested_at,
    _s__op AS _op
  FROM parsed CROSS JOIN mask_key
),
ruled AS (
  SELECT *,
    concat_ws(',',
      CASE WHEN `user_id` IS NULL AND _s_user_id IS NOT NULL THEN 'type:user_id' END,
      CASE WHEN _s_user_id IS NULL THEN 'required:user_id' END,
      CASE WHEN _op <> 'd' AND _s_email IS NULL THEN 'required:email' END,
      CASE WHEN _op <> 'd' AND `score` IS NULL AND _s_score IS NOT NULL THEN 'type:score' END,
      CASE WHEN _op <> 'd' AND NOT (regexp_like(email, '@')) THEN 'email_valid' END,
      CASE WHEN _op <> 'd' AND NOT (user_id > 0) THEN 'sane' END) AS _broken,
    concat_ws(',',
      CASE WHEN _op <> 'd' AND NOT (team_id IS NOT NULL) THEN 'has_team' END) AS _warned,
    concat_ws(',',
      CASE WHEN _op <> 'd' AND NOT (user_id > 0) THEN 'sane' END) AS _failed
  FROM typed
),
referenced AS (
  SELECT r.*,
    concat_ws(',',
      CASE WHEN _op <> 'd' AND _broken = '' AND `team_id` IS NOT NULL AND reference_0._to IS NULL THEN 'team_id_exists' END) AS _missing,
    '' AS _missing_warned,
    '' AS _missing_failed
  FROM ruled AS r
  LEFT JOIN (SELECT DISTINCT `team_id` AS _to FROM `silver__teams`) AS reference_0
    ON reference_0._to = r.`team_id`
),
decided AS (
  SELECT *, _broken || _missing AS _rules FROM referenced
)
SELECT `user_id`,
  `email`,
  `team_id`,
  `score`,
  sha2(concat(unhex(_mask_outer), unhex(sha2(concat(unhex(_mask_inner), encode(`phone`, 'UTF-8')), 256))), 256) AS `phone`,
  CASE WHEN `photo` IS NOT NULL THEN '***' END AS `photo`,
  _position,
  _ingested_at,
  _op, false AS _truncated, _rules,
  _broken = '' AND _missing <> '' AS _held,
  concat_ws(',', NULLIF(_warned, ''), NULLIF(_missing_warned, '')) AS _warnings,
  concat_ws(',', NULLIF(_failed, ''), NULLIF(_missing_failed, '')) AS _failures,
  _held_rules, _held_version, _held_at,
  CASE WHEN _rules <> '' OR _held_rules IS NOT NULL THEN _file END AS _file,
  CASE WHEN _rules <> '' OR _held_rules IS NOT NULL THEN _file_row END AS _file_row,
  CASE WHEN _rules <> '' THEN transform(array(COALESCE(_held_row, to_json(named_struct('user_id', CAST(_s_user_id AS STRING), 'email', _s_email, 'team_id', CAST(_s_team_id AS STRING), 'score', _s_score, 'phone', _s_phone, 'photo', hex(_s_photo), '_op', _s__op, '_position', CAST(_s__position AS STRING), '_ingested_at', concat(CAST(_s__ingested_at AS STRING), '+00')), map('ignoreNullFields', 'false')))), _a1 -> CASE WHEN _a1 LIKE 'sealed:%' THEN _a1 ELSE concat('sealed:spark:', base64(aes_encrypt(encode(_a1, 'UTF-8'), (SELECT unhex(_mask_rows) FROM mask_key), 'GCM'))) END)[0] END AS _row,
  CASE WHEN _rules <> '' THEN CAST(_s_user_id AS STRING) END AS _key_user_id
FROM decided

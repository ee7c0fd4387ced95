-- silver/users from bronze/app/users
WITH source AS (
  SELECT "user_id" AS _s_user_id,
    "email" AS _s_email,
    "team_id" AS _s_team_id,
    "score" AS _s_score,
    "phone" AS _s_phone,
    "photo" AS _s_photo,
    "_op" AS _s__op,
    "_position" AS _s__position,
    "_ingested_at" AS _s__ingested_at,
    _file, _file_row, CAST(NULL AS VARCHAR) AS _held_rules, CAST(NULL AS VARCHAR) AS _held_row,
    CAST(NULL AS BIGINT) AS _held_version, CAST(NULL AS TIMESTAMPTZ) AS _held_at
  FROM bronze
  UNION ALL
  SELECT TRY_CAST(_texts[1] AS DECIMAL(38,0)),
    _texts[2],
    TRY_CAST(_texts[3] AS BIGINT),
    _texts[4],
    _texts[5],
    unhex(_texts[6]),
    _texts[7],
    TRY_CAST(_texts[8] AS BIGINT),
    TRY_CAST(_texts[9] AS TIMESTAMPTZ),
    _bronze_file, _bronze_row, _rules, _row, _bronze_version, _quarantined_at
  FROM (SELECT *, json_extract_string(open_row(_row), ['$."user_id"', '$."email"', '$."team_id"', '$."score"', '$."phone"', '$."photo"', '$."_op"', '$."_position"', '$."_ingested_at"']) AS _texts FROM held) AS received
),
parsed AS (
  SELECT *
  FROM source
),
typed AS (
  SELECT *,
    TRY_CAST(_s_user_id AS BIGINT) AS "user_id",
    _s_email AS "email",
    _s_team_id AS "team_id",
    CASE WHEN regexp_matches(_s_score, '^[+-]?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]{1,3})?\z') THEN COALESCE(TRY_CAST(_s_score AS DECIMAL(8, 2)), TRY_CAST(TRY_CAST(_s_score AS DECIMAL(38, 2)) AS DECIMAL(8, 2))) END AS "score",
    _s_phone AS "phone",
    _s_photo AS "photo",
    _s__position AS _position,
    _s__ingested_at AS _ingested_at,
    _s__op AS _op
  FROM parsed CROSS JOIN mask_key
),
ruled AS (
  SELECT *,
    concat_ws(',',
      CASE WHEN "user_id" IS NULL AND _s_user_id IS NOT NULL THEN 'type:user_id' END,
      CASE WHEN _s_user_id IS NULL THEN 'required:user_id' END,
      CASE WHEN _op <> 'd' AND _s_email IS NULL THEN 'required:email' END,
      CASE WHEN _op <> 'd' AND "score" IS NULL AND _s_score IS NOT NULL THEN 'type:score' END,
      CASE WHEN _op <> 'd' AND NOT (regexp_matches(email, '@')) THEN 'email_valid' END,
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
      CASE WHEN _op <> 'd' AND _broken = '' AND "team_id" IS NOT NULL AND reference_0._to IS NULL THEN 'team_id_exists' END) AS _missing,
    '' AS _missing_warned,
    '' AS _missing_failed
  FROM ruled AS r
  LEFT JOIN (SELECT DISTINCT "team_id" AS _to FROM silver."teams") AS reference_0
    ON reference_0._to = r."team_id"
),
decided AS (
  SELECT *, _broken || _missing AS _rules FROM referenced
)
SELECT "user_id",
  "email",
  "team_id",
  "score",
  sha256(unhex(_mask_outer) || unhex(sha256(unhex(_mask_inner) || encode("phone")))) AS "phone",
  CASE WHEN "photo" IS NOT NULL THEN '***' END AS "photo",
  _position,
  _ingested_at,
  _op, false AS _truncated, _rules,
  _broken = '' AND _missing <> '' AS _held,
  concat_ws(',', NULLIF(_warned, ''), NULLIF(_missing_warned, '')) AS _warnings,
  concat_ws(',', NULLIF(_failed, ''), NULLIF(_missing_failed, '')) AS _failures,
  _held_rules, _held_version, _held_at,
  CASE WHEN _rules <> '' OR _held_rules IS NOT NULL THEN _file END AS _file,
  CASE WHEN _rules <> '' OR _held_rules IS NOT NULL THEN _file_row END AS _file_row,
  CASE WHEN _rules <> '' THEN seal_row(COALESCE(_held_row, concat('{', CAST(to_json('user_id') AS VARCHAR), ':', COALESCE(CAST(to_json(CAST(_s_user_id AS VARCHAR)) AS VARCHAR), 'null'), ',', CAST(to_json('email') AS VARCHAR), ':', CASE WHEN _s_email IS NULL THEN 'null' WHEN strlen(_s_email) < 512 OR regexp_matches(_s_email, '[\x00-\x1f]') THEN CAST(to_json(_s_email) AS VARCHAR) ELSE concat('"', regexp_replace(_s_email, '(["\\])', '\\\1', 'g'), '"') END, ',', CAST(to_json('team_id') AS VARCHAR), ':', COALESCE(CAST(to_json(CAST(_s_team_id AS VARCHAR)) AS VARCHAR), 'null'), ',', CAST(to_json('score') AS VARCHAR), ':', CASE WHEN _s_score IS NULL THEN 'null' WHEN strlen(_s_score) < 512 OR regexp_matches(_s_score, '[\x00-\x1f]') THEN CAST(to_json(_s_score) AS VARCHAR) ELSE concat('"', regexp_replace(_s_score, '(["\\])', '\\\1', 'g'), '"') END, ',', CAST(to_json('phone') AS VARCHAR), ':', CASE WHEN _s_phone IS NULL THEN 'null' WHEN strlen(_s_phone) < 512 OR regexp_matches(_s_phone, '[\x00-\x1f]') THEN CAST(to_json(_s_phone) AS VARCHAR) ELSE concat('"', regexp_replace(_s_phone, '(["\\])', '\\\1', 'g'), '"') END, ',', CAST(to_json('photo') AS VARCHAR), ':', COALESCE(CAST(to_json(hex(_s_photo)) AS VARCHAR), 'null'), ',', CAST(to_json('_op') AS VARCHAR), ':', CASE WHEN _s__op IS NULL THEN 'null' WHEN strlen(_s__op) < 512 OR regexp_matches(_s__op, '[\x00-\x1f]') THEN CAST(to_json(_s__op) AS VARCHAR) ELSE concat('"', regexp_replace(_s__op, '(["\\])', '\\\1', 'g'), '"') END, ',', CAST(to_json('_position') AS VARCHAR), ':', COALESCE(CAST(to_json(CAST(_s__position AS VARCHAR)) AS VARCHAR), 'null'), ',', CAST(to_json('_ingested_at') AS VARCHAR), ':', COALESCE(CAST(to_json(CAST(_s__ingested_at AS VARCHAR)) AS VARCHAR), 'null'), '}'))) END AS _row,
  CASE WHEN _rules <> '' THEN CAST(_s_user_id AS VARCHAR) END AS _key_user_id
FROM decided

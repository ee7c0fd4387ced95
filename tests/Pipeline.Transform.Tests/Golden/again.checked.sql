-- silver/users from bronze/events/users
WITH source AS (
  SELECT "_partition" AS _s__partition,
    "_offset" AS _s__offset,
    "_timestamp" AS _s__timestamp,
    "user_id" AS _s_user_id,
    "email" AS _s_email,
    "_op" AS _s__op,
    "_position" AS _s__position,
    "_ingested_at" AS _s__ingested_at,
    "_epoch" AS _s__epoch,
    "_reading" AS _s__reading,
    "_order_time" AS _s__order_time,
    _file, _file_row, CAST(NULL AS VARCHAR) AS _held_rules, CAST(NULL AS VARCHAR) AS _held_row,
    CAST(NULL AS BIGINT) AS _held_version, CAST(NULL AS TIMESTAMPTZ) AS _held_at
  FROM bronze
  UNION ALL
  SELECT TRY_CAST(_texts[1] AS INTEGER),
    TRY_CAST(_texts[2] AS BIGINT),
    TRY_CAST(_texts[3] AS TIMESTAMPTZ),
    TRY_CAST(_texts[4] AS BIGINT),
    _texts[5],
    _texts[6],
    TRY_CAST(_texts[7] AS BIGINT),
    TRY_CAST(_texts[8] AS TIMESTAMPTZ),
    TRY_CAST(_texts[9] AS INTEGER),
    TRY_CAST(_texts[10] AS INTEGER),
    TRY_CAST(_texts[11] AS TIMESTAMPTZ),
    _bronze_file, _bronze_row, _rules, _row, _bronze_version, _quarantined_at
  FROM (SELECT *, json_extract_string(_row, ['$."_partition"', '$."_offset"', '$."_timestamp"', '$."user_id"', '$."email"', '$."_op"', '$."_position"', '$."_ingested_at"', '$."_epoch"', '$."_reading"', '$."_order_time"']) AS _texts FROM held) AS received
),
parsed AS (
  SELECT *
  FROM source
),
typed AS (
  SELECT *,
    _s_user_id AS "user_id",
    _s_email AS "email",
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
SELECT "user_id",
  "email",
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
  CASE WHEN _rules <> '' THEN COALESCE(_held_row, concat('{', CAST(to_json('_partition') AS VARCHAR), ':', COALESCE(CAST(to_json(CAST(_s__partition AS VARCHAR)) AS VARCHAR), 'null'), ',', CAST(to_json('_offset') AS VARCHAR), ':', COALESCE(CAST(to_json(CAST(_s__offset AS VARCHAR)) AS VARCHAR), 'null'), ',', CAST(to_json('_timestamp') AS VARCHAR), ':', COALESCE(CAST(to_json(CAST(_s__timestamp AS VARCHAR)) AS VARCHAR), 'null'), ',', CAST(to_json('user_id') AS VARCHAR), ':', COALESCE(CAST(to_json(CAST(_s_user_id AS VARCHAR)) AS VARCHAR), 'null'), ',', CAST(to_json('email') AS VARCHAR), ':', CASE WHEN _s_email IS NULL THEN 'null' WHEN strlen(_s_email) < 512 OR regexp_matches(_s_email, '[\x00-\x1f]') THEN CAST(to_json(_s_email) AS VARCHAR) ELSE concat('"', regexp_replace(_s_email, '(["\\])', '\\\1', 'g'), '"') END, ',', CAST(to_json('_op') AS VARCHAR), ':', CASE WHEN _s__op IS NULL THEN 'null' WHEN strlen(_s__op) < 512 OR regexp_matches(_s__op, '[\x00-\x1f]') THEN CAST(to_json(_s__op) AS VARCHAR) ELSE concat('"', regexp_replace(_s__op, '(["\\])', '\\\1', 'g'), '"') END, ',', CAST(to_json('_position') AS VARCHAR), ':', COALESCE(CAST(to_json(CAST(_s__position AS VARCHAR)) AS VARCHAR), 'null'), ',', CAST(to_json('_ingested_at') AS VARCHAR), ':', COALESCE(CAST(to_json(CAST(_s__ingested_at AS VARCHAR)) AS VARCHAR), 'null'), ',', CAST(to_json('_epoch') AS VARCHAR), ':', COALESCE(CAST(to_json(CAST(_s__epoch AS VARCHAR)) AS VARCHAR), 'null'), ',', CAST(to_json('_reading') AS VARCHAR), ':', COALESCE(CAST(to_json(CAST(_s__reading AS VARCHAR)) AS VARCHAR), 'null'), ',', CAST(to_json('_order_time') AS VARCHAR), ':', COALESCE(CAST(to_json(CAST(_s__order_time AS VARCHAR)) AS VARCHAR), 'null'), '}')) END AS _row,
  CASE WHEN _rules <> '' THEN CAST(_s_user_id AS VARCHAR) END AS _key_user_id
FROM decided

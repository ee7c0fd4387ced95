-- silver/users from bronze/events/user_events
WITH source AS (
  SELECT "_partition" AS _s__partition,
    "_offset" AS _s__offset,
    "_timestamp" AS _s__timestamp,
    "_key" AS _s__key,
    "_headers" AS _s__headers,
    "value" AS _s_value,
    "_op" AS _s__op,
    "_position" AS _s__position,
    "_ingested_at" AS _s__ingested_at,
    _file, _file_row, CAST(NULL AS VARCHAR) AS _held_rules, CAST(NULL AS VARCHAR) AS _held_row,
    CAST(NULL AS BIGINT) AS _held_version, CAST(NULL AS TIMESTAMPTZ) AS _held_at
  FROM bronze
  UNION ALL
  SELECT TRY_CAST(_texts[1] AS INTEGER),
    TRY_CAST(_texts[2] AS BIGINT),
    TRY_CAST(_texts[3] AS TIMESTAMPTZ),
    _texts[4],
    _texts[5],
    _texts[6],
    _texts[7],
    TRY_CAST(_texts[8] AS BIGINT),
    TRY_CAST(_texts[9] AS TIMESTAMPTZ),
    _bronze_file, _bronze_row, _rules, _row, _bronze_version, _quarantined_at
  FROM (SELECT *, json_extract_string(_row, ['$."_partition"', '$."_offset"', '$."_timestamp"', '$."_key"', '$."_headers"', '$."value"', '$."_op"', '$."_position"', '$."_ingested_at"']) AS _texts FROM held) AS received
),
parsed AS (
  SELECT *,
    CASE WHEN CASE WHEN regexp_matches(_s_value, '^[ \t\n\r]*[{]') THEN (CASE WHEN _s_value IS NULL THEN NULL WHEN NOT json_valid(_s_value) THEN false WHEN regexp_matches(_s_value, ',[ \t\n\r]*[}\]]') OR regexp_matches(_s_value, ':[ \t\n\r]*-?(?:[nN][aA]|[iI])') OR regexp_matches(_s_value, '^[ \t\n\r]*-?(?:[nN][aA]|[iI])') OR contains(_s_value, '[') AND regexp_matches(_s_value, '[,\[][ \t\n\r]*-?(?:[nN][aA]|[iI])') THEN regexp_matches(_s_value, '^(?:[ \t\n\r]+|[{}\[\]:,]|"(?:[^"\\\x00-\x1f]+|\\(?:["\\/bfnrt]|u(?:[0-9A-Ca-cEeFf][0-9A-Fa-f]{3}|[dD][0-7][0-9A-Fa-f]{2}|[dD][89ABab][0-9A-Fa-f]{2}\\u[dD][C-Fc-f][0-9A-Fa-f]{2})))*"|-?(?:0|[1-9][0-9]*)(?:[.][0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null)*\z') AND NOT regexp_matches(regexp_replace(_s_value, '"(?:[^"\\]|\\.)*"', '', 'g'), ',[ \t\n\r]*[}\]]') ELSE true END) WHEN _s_value IS NOT NULL THEN false END THEN CASE WHEN (regexp_matches(_s_value, ':[ \t\n\r]*(?:-?(?:[0-9.]{17}|[0-9]+[.][0-9]+0[^0-9]|[0-9]+(?:[.][0-9]+)?[eE]|0[.]000)|-0[^.0-9])') OR contains(_s_value, '[') AND regexp_matches(_s_value, '[,\[][ \t\n\r]*(?:-?(?:[0-9.]{17}|[0-9]+[.][0-9]+0[^0-9]|[0-9]+(?:[.][0-9]+)?[eE]|0[.]000)|-0[^.0-9])')) THEN list_transform(json_extract_string(replace(replace(replace(regexp_replace(_s_value, '("(?:[^"\\]|\\.)*")|(-?[0-9][0-9.eE+-]*)', '\1' || chr(1) || '\2' || chr(2), 'g'), chr(1) || chr(2), ''), chr(1), '"\u0001'), chr(2), '"'), ['$.event_id', '$.user.id', '$.is_test', '$.day', '$.timestamp']), lambda _text: CASE WHEN left(_text, 1) = chr(1) THEN substr(_text, 2) WHEN _text LIKE '{%' OR _text LIKE '[%' THEN regexp_replace(_text, '"\\u0001(-?[0-9][0-9.eE+-]*)"', '\1', 'g') ELSE _text END) ELSE json_extract_string(_s_value, ['$.event_id', '$.user.id', '$.is_test', '$.day', '$.timestamp']) END END AS _json_value
  FROM source
),
typed AS (
  SELECT *,
    _json_value[1] AS "event_id",
    CASE WHEN regexp_matches(_json_value[2], '^[+-]?[0-9]+\z') THEN TRY_CAST(_json_value[2] AS BIGINT) END AS "user_id",
    CASE WHEN lower(_json_value[3]) IN ('true', 't', 'yes', 'y', '1') THEN true WHEN lower(_json_value[3]) IN ('false', 'f', 'no', 'n', '0') THEN false END AS "is_test",
    CASE WHEN regexp_matches(_json_value[4], '^[0-9]{4}-[0-9]{2}-[0-9]{2}\z') AND left(_json_value[4], 4) <> '0000' THEN TRY_CAST(_json_value[4] AS DATE) END AS "day",
    CASE WHEN regexp_matches(_json_value[5], '^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]+)?(Z|[+-](0[0-9]|1[0-7])(:?[0-5][0-9])?|[+-]18(:?00)?)?)?\z') AND left(_json_value[5], 4) <> '0000' THEN TRY_CAST(_json_value[5] AS TIMESTAMPTZ) END AS "event_time",
    _s__timestamp AS "received_at",
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
      CASE WHEN _json_value[1] IS NULL THEN 'required:event_id' END,
      CASE WHEN _op <> 'd' AND "user_id" IS NULL AND _json_value[2] IS NOT NULL THEN 'type:user_id' END,
      CASE WHEN _op <> 'd' AND _json_value[2] IS NULL THEN 'required:user_id' END,
      CASE WHEN _op <> 'd' AND "is_test" IS NULL AND _json_value[3] IS NOT NULL THEN 'type:is_test' END,
      CASE WHEN _op <> 'd' AND "day" IS NULL AND _json_value[4] IS NOT NULL THEN 'type:day' END,
      CASE WHEN _op <> 'd' AND "event_time" IS NULL AND _json_value[5] IS NOT NULL THEN 'type:event_time' END) END AS _broken,
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
SELECT "event_id",
  "user_id",
  "is_test",
  "day",
  "event_time",
  "received_at",
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
  CASE WHEN _rules <> '' THEN COALESCE(_held_row, concat('{', CAST(to_json('_partition') AS VARCHAR), ':', COALESCE(CAST(to_json(CAST(_s__partition AS VARCHAR)) AS VARCHAR), 'null'), ',', CAST(to_json('_offset') AS VARCHAR), ':', COALESCE(CAST(to_json(CAST(_s__offset AS VARCHAR)) AS VARCHAR), 'null'), ',', CAST(to_json('_timestamp') AS VARCHAR), ':', COALESCE(CAST(to_json(CAST(_s__timestamp AS VARCHAR)) AS VARCHAR), 'null'), ',', CAST(to_json('_key') AS VARCHAR), ':', CASE WHEN _s__key IS NULL THEN 'null' WHEN strlen(_s__key) < 512 OR regexp_matches(_s__key, '[\x00-\x1f]') THEN CAST(to_json(_s__key) AS VARCHAR) ELSE concat('"', regexp_replace(_s__key, '(["\\])', '\\\1', 'g'), '"') END, ',', CAST(to_json('_headers') AS VARCHAR), ':', CASE WHEN _s__headers IS NULL THEN 'null' WHEN strlen(_s__headers) < 512 OR regexp_matches(_s__headers, '[\x00-\x1f]') THEN CAST(to_json(_s__headers) AS VARCHAR) ELSE concat('"', regexp_replace(_s__headers, '(["\\])', '\\\1', 'g'), '"') END, ',', CAST(to_json('value') AS VARCHAR), ':', CASE WHEN _s_value IS NULL THEN 'null' WHEN strlen(_s_value) < 512 OR regexp_matches(_s_value, '[\x00-\x1f]') THEN CAST(to_json(_s_value) AS VARCHAR) ELSE concat('"', regexp_replace(_s_value, '(["\\])', '\\\1', 'g'), '"') END, ',', CAST(to_json('_op') AS VARCHAR), ':', CASE WHEN _s__op IS NULL THEN 'null' WHEN strlen(_s__op) < 512 OR regexp_matches(_s__op, '[\x00-\x1f]') THEN CAST(to_json(_s__op) AS VARCHAR) ELSE concat('"', regexp_replace(_s__op, '(["\\])', '\\\1', 'g'), '"') END, ',', CAST(to_json('_position') AS VARCHAR), ':', COALESCE(CAST(to_json(CAST(_s__position AS VARCHAR)) AS VARCHAR), 'null'), ',', CAST(to_json('_ingested_at') AS VARCHAR), ':', COALESCE(CAST(to_json(CAST(_s__ingested_at AS VARCHAR)) AS VARCHAR), 'null'), '}')) END AS _row,
  CASE WHEN _rules <> '' THEN _json_value[1] END AS _key_event_id
FROM decided

using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Configuration;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Silver;

/// <summary>
/// The query that decides about each Bronze row on its own: typed, checked and masked. It says the same on every engine; names,
/// literals and functions are written by the <see cref="SqlDialect"/>.
/// </summary>
/// <remarks>
/// <para>The engine provides: <c>bronze</c>, new Bronze rows with <c>_file</c> and <c>_file_row</c>; <c>held</c>, rows of the
/// quarantine that only miss a reference; <c>silver.PARENT</c> for each reference; where rows may have been removed at the source
/// otherwise than one by one, <c>truncated</c>: one row with <c>_epoch</c> and <c>_position</c> of the last truncate of earlier runs,
/// or without a position the epoch of the last finished snapshot; or none.</para>
/// <para>The result has the Silver table's columns, <c>_op</c>, and: <c>_truncated</c>, a truncate at the source, or a newer
/// snapshot, has removed the row since;
/// <c>_rules</c>, broken rules that quarantine the row, empty for a good one; <c>_held</c>, only references are missing;
/// <c>_warnings</c>, <c>_failures</c>; <c>_held_rules</c>, the rules of a row that comes from the quarantine, else null;
/// and for rows that go to, or come from, the quarantine <c>_row</c>, <c>_file</c>, <c>_file_row</c>, <c>_key_NAME</c>.</para>
/// <para>A row that breaks a rule of its own is not looked up in other tables: its rules do not depend on what has
/// arrived. Deletes need only their key; the record of a truncate has none. A row that a truncate has removed does not wait
/// for parents.</para>
/// </remarks>
public sealed class SilverSql
{
    private readonly SilverContract _contract;
    private readonly SqlDialect _sql;
    private readonly IReadOnlyList<Field> _bronze;
    private readonly BronzeShape _shape;
    private readonly RowOrder _order;
    private readonly CarriedSql _carried;
    private readonly bool _hasChanged;
    private readonly bool _hasEnds;
    private readonly List<Document> _documents = [];
    private readonly List<Source> _sources = [];

    /// <param name="hasSnapshot">A snapshot of a later epoch than the first is finished: it may have removed rows, as a truncate does.</param>
    /// <exception cref="PipelineException">The contract reads a column that the Bronze table does not have.</exception>
    public SilverSql(SilverContract contract, Schema bronze, SqlDialect dialect, bool hasSnapshot = false)
    {
        _contract = contract;
        _sql = dialect;
        _bronze = BronzeFields(bronze);
        _shape = BronzeShape.Of(bronze);
        _order = new RowOrder(contract, bronze, dialect);
        _carried = new CarriedSql(contract, bronze, dialect);
        _hasChanged = _shape.Changed is not null;
        _hasEnds = _hasChanged || hasSnapshot;
        SilverFields = SilverTables.Columns(contract, bronze);
        foreach (var column in contract.Columns) _sources.Add(Resolve(column));
    }

    /// <summary>Columns of the Silver table.</summary>
    public IReadOnlyList<Field> SilverFields { get; }

    /// <summary>Bronze columns that a job reads: all but the partition column.</summary>
    public static IReadOnlyList<Field> BronzeFields(Schema bronze) => [.. bronze.FieldsList.Where(field => field.Name != BronzeColumns.IngestDate)];

    public string Checked => Checking(isApart: false);

    /// <summary>
    /// For a run in which a rule itself fails on a row. <see cref="Checked"/> is one statement, which such a row ends; here each
    /// rule's outcome on each row is looked up in <c>outcomes</c>, which the engine makes of the other two.
    /// </summary>
    /// <remarks>
    /// DuckDB's TRY would do it within one statement, but gives wrong answers: subexpressions that occur twice are computed
    /// outside of it, and a COALESCE in it is wrong for rows around the one that fails.
    /// </remarks>
    public RulesApart Apart => new(Judged, [.. _contract.Rules.Select(rule => Closed(rule.Check))], Checking(isApart: true));

    /// <summary>The rows that have rules, with the columns that these name, numbered from 1 as <c>_n</c>.</summary>
    private string Judged
    {
        get
        {
            var named = _sources.Select(source => source.Column.Name).Concat(TechnicalColumns).Distinct(StringComparer.Ordinal)
                .Where(name => _contract.Rules.Any(rule => rule.Check.Contains(name, StringComparison.OrdinalIgnoreCase)));
            return $"""
                {Typed}
                SELECT row_number() OVER (ORDER BY _file ASC NULLS FIRST, _file_row ASC NULLS FIRST) AS _n, {Lines("  ", ["_file", "_file_row", .. named.Select(_sql.Name)])}
                FROM typed WHERE {IsRow}
                """;
        }
    }

    /// <summary>The rows with their columns typed.</summary>
    private string Typed => TypedOf("bronze", $"""

          UNION ALL
          SELECT {Lines("    ", _bronze.Select(FromText))},
            _bronze_file, _bronze_row, _rules, _row, _bronze_version, _quarantined_at
          FROM {Received("held", _bronze)}
        """);

    /// <param name="rows">Of Bronze.</param>
    /// <param name="others">Rows beside them.</param>
    private string TypedOf(string rows, string others) => $"""
        -- {_contract.Table} from {_contract.From}
        WITH source AS (
          SELECT {Lines("    ", _bronze.Select(f => $"{_sql.Name(f.Name)} AS {Raw(f.Name)}"))},
            _file, _file_row, {_sql.Null(StringType.Default)} AS _held_rules, {_sql.Null(StringType.Default)} AS _held_row,
            {_sql.Null(Int64Type.Default)} AS _held_version, {_sql.Null(BronzeColumns.Timestamp)} AS _held_at
          FROM {rows}{others}
        ),
        {Parsed(_documents)}
        typed AS (
          SELECT {Lines("    ", ["*", .. _sources.Select(source => $"{source.Value.Sql} AS {_sql.Name(source.Column.Name)}"), .. TechnicalColumns.Select(name => $"{Technical(name)} AS {name}")])}
          FROM {ParsedRows}
        )
        """;

    /// <summary>Where columns are hashed, with the key beside each row.</summary>
    private string ParsedRows => _contract.Masks ? $"parsed CROSS JOIN {MaskKey.Relation}" : "parsed";

    private string[] KeyColumns => _contract.Masks ? [MaskKey.InnerColumn, MaskKey.OuterColumn] : [];

    /// <summary>The rows with the texts of their documents.</summary>
    private string Parsed(IReadOnlyCollection<Document> documents)
    {
        var prepared = documents.Where(document => _sql.JsonPrepared(document.Raw) is not null).ToList();
        var first = prepared.Count == 0 ? "" : $"prepared AS (\n  SELECT {Lines("    ", ["*", .. prepared.Select(document => $"{_sql.JsonPrepared(document.Raw)} AS {document.Exact}")])}\n  FROM source\n),\n";
        return $"""
            {first}parsed AS (
              SELECT {Lines("    ", ["*", .. documents.Select(Parse)])}
              FROM {(prepared.Count == 0 ? "source" : "prepared")}
            ),
            """;
    }

    /// <summary>
    /// Rows of the quarantine with the texts of some Bronze columns. All are read by one expression: for each that reads a document DuckDB
    /// keeps the documents of two thousand rows, and wide rows of many columns do not fit.
    /// </summary>
    private string Received(string rows, IReadOnlyCollection<Field> fields) => fields.Count == 0 ? rows
        : $"(SELECT *, {_sql.JsonMembers(_contract.Masks ? _sql.Call("unseal", "_row") : "_row", [.. fields.Select(field => field.Name)])} AS _texts FROM {rows}) AS received";

    /// <param name="isApart">The rules' outcomes are in <c>outcomes</c>.</param>
    private string Checking(bool isApart) => $"""
        {Typed},{(_hasEnds ? Placed : "")}
        ruled AS (
          SELECT *,
            {Broken(isApart)} AS _broken,
            {Listed(UserRules(isApart, Severity.Warn))} AS _warned,
            {Listed(UserRules(isApart, Severity.Fail))} AS _failed{(Required.Count == 0 ? "" : $",\n    {Listed(Required.Select(Lacks))} AS _lacks")}
          FROM {(_hasEnds ? "placed" : "typed")}{(isApart ? " LEFT JOIN outcomes USING (_file, _file_row)" : "")}
        ),
        referenced AS (
          SELECT r.*,
            {Listed(Missing(Severity.Quarantine, Severity.Fail))} AS _missing,
            {Listed(Missing(Severity.Warn))} AS _missing_warned,
            {Listed(Missing(Severity.Fail))} AS _missing_failed
          FROM ruled AS r{string.Concat(_contract.References.Select(Join))}
        ),
        decided AS (
          SELECT *, _broken || _missing AS _rules FROM referenced
        )
        SELECT {Lines("  ", SilverFields.Select(Stored))},
          _op{(_hasEnds ? ", _truncated" : ", false AS _truncated")}, _rules{(Required.Count == 0 ? "" : $" AS {OwnRules}, CASE WHEN _rules = '' THEN _lacks ELSE '' END AS _lacks")},
          _broken = '' AND _missing <> '' AS _held,
          concat_ws(',', NULLIF(_warned, ''), NULLIF(_missing_warned, '')) AS _warnings,
          concat_ws(',', NULLIF(_failed, ''), NULLIF(_missing_failed, '')) AS _failures,
          _held_rules, _held_version, _held_at,
          CASE WHEN {IsKept} OR _held_rules IS NOT NULL THEN _file END AS _file,
          CASE WHEN {IsKept} OR _held_rules IS NOT NULL THEN _file_row END AS _file_row,
          CASE WHEN {IsKept} THEN {Kept($"COALESCE(_held_row, {_sql.JsonObject(_bronze.Select(field => (field.Name, ToText(field))))})")} END AS _row,
          {Lines("  ", _contract.KeyColumns.Select(KeyText))}
        FROM decided
        """;

    /// <summary>
    /// Rows that lack a column which their contract requires, which their source has no more, and of which no older row of their key
    /// has a value to keep; null: no row does.
    /// </summary>
    /// <remarks>
    /// Where there is such a statement, what <see cref="Checked"/> decides is <c>judged</c>, with the rules as <c>_own_rules</c>, and
    /// <c>checked</c> are these rows with what is said here. The engine provides <c>judged</c>; <c>existing</c> and <c>tombstones</c> with
    /// all keys of it. The result: <c>_file</c>, <c>_file_row</c>, <c>_lacked</c>, the rules. What a change from a log leaves out a
    /// snapshot may still bring: it breaks no rule.
    /// </remarks>
    public string? Lacking
    {
        get
        {
            if (Required.Count == 0) return null;
            var key = _sql.Names(_contract.Key);
            var isKnown = string.Join(" AND ", _contract.Key.Select(name => $"{_sql.Name(name)} IS NOT NULL"));
            var columns = $"{key}, {_sql.Names(_order.OwnColumns)}";
            var (newest, isOther) = _order.Epoch is null ? ("", "") : ($", max({_order.EpochOf("")}) OVER (PARTITION BY {key}) AS _newest", $" OR {_order.EpochOf("")} < _newest");
            var nothing = Required.Select((_, i) => $"(NOT _has_{i} AND COALESCE(_from_{i}, 0) <= _gone)").ToList();
            return $"""
                WITH told AS (
                  SELECT _file, _file_row, _op, _lacks, {columns}{Has(_carried.OfBronze)}
                  FROM judged WHERE {OwnRules} = '' AND NOT _truncated AND _op <> 't' AND {isKnown}
                  UNION ALL
                  SELECT {_sql.Null(StringType.Default)}, {_sql.Null(Int64Type.Default)}, 'r', '', {columns}{Has(_carried.OfTable)} FROM existing
                  UNION ALL
                  SELECT {_sql.Null(StringType.Default)}, {_sql.Null(Int64Type.Default)}, 'd', '', {columns}{Has(_ => "false")} FROM tombstones
                ),
                ranked AS (
                  SELECT *, row_number() OVER (PARTITION BY {key} ORDER BY {string.Join(", ", _order.OwnTerms)}, _lacks ASC NULLS FIRST) AS _n{newest}
                  FROM told SEMI JOIN (SELECT {key} FROM judged WHERE _lacks <> '') AS lacking_keys USING ({key})
                ),
                cut AS (
                  SELECT *, max(CASE WHEN _op = 'd'{isOther} THEN _n ELSE 0 END) OVER (PARTITION BY {key}) AS _gone,
                    {Lines("    ", Required.Select((_, i) => $"max(CASE WHEN _op <> 'd' AND _has_{i} THEN _n END) OVER (PARTITION BY {key}) AS _from_{i}"))}
                  FROM ranked
                )
                SELECT _file, _file_row, {Listed(Required.Select((column, i) => $"CASE WHEN {nothing[i]} THEN '{SilverContract.RequiredRule(column.Name)}' END"))} AS _lacked
                FROM cut WHERE _lacks <> '' AND _n > _gone AND ({string.Join(" OR ", nothing)})
                """;

            string Has(Func<string, string> carries) => string.Concat(Required.Select((column, i) => $", ({carries(column.Name)}) AS _has_{i}"));
        }
    }

    /// <summary>What <see cref="Checked"/> calls the rules that a row breaks by itself, where there are others.</summary>
    private const string OwnRules = "_own_rules";

    /// <summary>Columns that a row must have and may lack.</summary>
    private List<SilverColumn> Required => !_hasChanged || _shape.AreMembersCarried ? [] : [.. _contract.Columns.Where(column => column.IsRequired && !_contract.Key.Contains(column.Name) && _carried.MayLack(column.Name))];

    private string Lacks(SilverColumn column) => $"CASE WHEN {IsRow} AND ({_carried.IsAllOfSource}) AND NOT ({_carried.OfBronze(column.Name)}) THEN '{SilverContract.RequiredRule(column.Name)}' END";

    /// <summary>Whether the quarantine may have to keep a row.</summary>
    private string IsKept => Required.Count == 0 ? "_rules <> ''" : "(_rules <> '' OR _lacks <> '')";

    /// <summary>
    /// Where the rows stand that wait for other parents than before: one has come, or all have, or a truncate has removed the
    /// row. The others are left alone: to look at all that wait in each run would cost what has ever waited.
    /// </summary>
    /// <remarks>
    /// The engine provides <c>waiting</c>, all rows of the quarantine that only miss a reference, and what <see cref="Checked"/>
    /// needs. The result is in the order in which the rows came: <c>_file</c>, <c>_file_row</c>, <c>_n</c> from 1, and
    /// <c>_bytes</c>, the size of the row and all before it.
    /// </remarks>
    public string Releasable
    {
        get
        {
            var awaited = _contract.References.Select((reference, i) => (Reference: reference, Index: i)).Where(pair => pair.Reference.Severity != Severity.Warn).ToList();
            var columns = awaited.Select(pair => _sources.Single(source => source.Column.Name == pair.Reference.Column)).Distinct().ToList();
            // What no parent is found by is not looked at.
            var texts = _bronze.Where(one => (_hasEnds && _order.Placing.Contains(one.Name)) || columns.Exists(source => source.Reads(one))).ToList();
            var missing = Listed(awaited.Select(pair => $"CASE WHEN r.{_sql.Name(pair.Reference.Column)} IS NOT NULL AND reference_{pair.Index}._to IS NULL THEN '{pair.Reference.Name}' END"));
            var placed = _hasEnds ? _order.PlacingOf(Raw) : [];
            var isGone = _hasEnds ? $" OR {_order.IsBefore("r.", "truncation.")}" : "";
            const string order = "(ORDER BY _bronze_version ASC NULLS FIRST, _file ASC NULLS FIRST, _file_row ASC NULLS FIRST ROWS UNBOUNDED PRECEDING)";
            return $"""
                WITH source AS (
                  SELECT {Lines("    ", ["_bronze_file AS _file, _bronze_row AS _file_row, _bronze_version, _position, _rules", $"{_sql.Call("byte_length", "_row")} AS _size", .. texts.Select((text, i) => $"{FromText(text, i)} AS {Raw(text.Name)}")])}
                  FROM {Received("waiting", texts)}
                ),
                {Parsed([.. _documents.Where(document => columns.Exists(source => source.ReadsWithin(document.Field)))])}
                typed AS (
                  SELECT {Lines("    ", ["_file, _file_row, _bronze_version, _position, _rules, _size", .. placed, .. columns.Select(source => $"{source.Value.Sql} AS {_sql.Name(source.Column.Name)}"), .. KeyColumns])}
                  FROM {ParsedRows}
                ){(_hasEnds ? Truncation("bronze", "") : "")}
                SELECT _file, _file_row, row_number() OVER {order} AS _n, CAST(sum(_size) OVER {order} AS BIGINT) AS _bytes
                FROM typed AS r{(_hasEnds ? "\n  LEFT JOIN truncation ON true" : "")}{string.Concat(awaited.Select(pair => Join(pair.Reference, pair.Index)))}
                WHERE {missing} <> r._rules{isGone}
                """;
        }
    }

    /// <summary>
    /// Rows that break a rule and need not be looked at any more: their source has a newer row of their key that is good and whole
    /// (<see cref="CarriedSql.IsWhole"/>), or a delete of it, or they were removed there with others.
    /// </summary>
    /// <remarks>
    /// The engine provides <c>checked</c>; <c>existing</c> and <c>tombstones</c> with all keys of it; <c>quarantine_rows</c> and, of them,
    /// <c>held</c>, which are in <c>checked</c>; <c>quarantine_all</c>, which has the same rows where <c>last_truncate</c> has one.
    /// The result: <c>_file</c>, <c>_file_row</c>; <c>_was</c>, the row was in the quarantine before; <c>_waited</c>, it only misses a
    /// reference; <c>_gone</c>, 1 where it was removed with others. Newer means later at the source, whatever the contract orders by; of
    /// rows at one place there the good one is the newer, but for one that waits: when its parent comes the values decide, as if it had been
    /// there from the start.
    /// </remarks>
    public string Settled
    {
        get
        {
            var keys = _contract.KeyColumns.ToList();
            var sources = keys.Select(column => _sources.Single(source => source.Column == column)).ToList();
            // The quarantine has keys as they were received: which of its rows share one with the run is asked without their documents.
            var texts = keys.Where(column => column.Mask != Contracts.Mask.None || (column.Value is null && column.Type is not BinaryType)).ToList();
            var key = _sql.Names(_contract.Key);
            var isKnown = string.Join(" AND ", _contract.Key.Select(name => $"{_sql.Name(name)} IS NOT NULL"));
            var places = _order.OwnColumns.ToList();
            var needed = _bronze.Where(bronze => sources.Exists(source => source.Reads(bronze)) || places.Contains(bronze.Name)
                || (places.Contains(BronzeColumns.OrderTime) && (bronze.Name == _shape.OrderTime || bronze.Name == _shape.RecordTime))).ToList();
            var columns = $"{key}, {_sql.Names(places)}";
            var numbered = texts.Select((column, i) => (Column: column, Name: $"_k_{i}")).ToList();
            var near = texts.Count == 0 ? "SELECT * FROM quarantine_rows" : $"""
                SELECT * FROM (SELECT *, {string.Join(", ", numbered.Select(one => $"{KeyOf(one.Column)} AS {one.Name}"))} FROM quarantine_rows) AS q
                  SEMI JOIN (SELECT {string.Join(", ", numbered.Select(one => $"{_sql.Name(one.Column.Name)} AS {one.Name}"))} FROM touched) AS t USING ({string.Join(", ", numbered.Select(one => one.Name))})
                """;
            return $"""
                WITH touched AS (
                  SELECT DISTINCT {key} FROM checked WHERE _rules = '' AND {isKnown}
                ),
                near AS (
                  {near}
                ),
                source AS (
                  SELECT {Lines("    ", ["_bronze_file AS _file, _bronze_row AS _file_row, _held AS _waited", .. needed.Select((bronze, i) => $"{FromText(bronze, i)} AS {Raw(bronze.Name)}")])}
                  FROM {Received("(SELECT * FROM near ANTI JOIN held USING (_bronze_file, _bronze_row)) AS others", needed)}
                ),
                {Parsed([.. _documents.Where(document => sources.Exists(source => source.ReadsWithin(document.Field)))])}
                keyed AS (
                  SELECT {Lines("    ", ["_file, _file_row, _waited", .. sources.Select(source => $"{source.Value.Sql} AS {_sql.Name(source.Column.Name)}"), .. places.Select(name => $"{Technical(name)} AS {_sql.Name(name)}"), .. KeyColumns])}
                  FROM {ParsedRows}
                ),
                waiting_rows AS (
                  SELECT {Lines("    ", ["_file, _file_row, _waited", .. keys.Select(column => Stored(column.ToField())), .. places.Select(_sql.Name)])}
                  FROM keyed
                ),
                opened AS (
                  SELECT {key} FROM checked WHERE _rules <> '' AND {isKnown} UNION SELECT {key} FROM waiting_rows
                ),
                places AS (
                  SELECT _file, _file_row, _held_rules IS NOT NULL AS _was, _held AS _waited, {columns}, _rules = '' AND (_op = 'd' OR {_carried.IsWhole(isTable: false)}) AS _settles, _rules <> '' AS _open
                  FROM checked WHERE {isKnown}
                  UNION ALL
                  SELECT {_sql.Null(StringType.Default)}, {_sql.Null(Int64Type.Default)}, false, false, {columns}, {_carried.IsWhole(isTable: true)}, false FROM existing
                  UNION ALL
                  SELECT {_sql.Null(StringType.Default)}, {_sql.Null(Int64Type.Default)}, false, false, {columns}, true, false FROM tombstones
                  UNION ALL
                  SELECT _file, _file_row, true, _waited, {columns}, false, true FROM waiting_rows
                ),
                ranked AS (
                  SELECT *, row_number() OVER (PARTITION BY {key} ORDER BY {string.Join(", ", _order.OwnTerms)}, CASE WHEN _settles THEN 1 WHEN _open AND _waited THEN 2 ELSE 0 END ASC NULLS FIRST) AS _n
                  FROM places SEMI JOIN opened USING ({key})
                ),
                passed AS (
                  SELECT _file, _file_row, _was, _waited, 0 AS _gone
                  FROM (SELECT *, max(CASE WHEN _settles THEN _n END) OVER (PARTITION BY {key}) AS _last FROM ranked) AS r
                  WHERE _open AND _n < _last{(_hasEnds ? Gone : "")}
                )
                SELECT _file, _file_row, _was, _waited, max(_gone) AS _gone FROM passed GROUP BY _file, _file_row, _was, _waited
                """;

            string KeyOf(SilverColumn column) => column.Mask != Contracts.Mask.None ? _sql.Name(column.Name) : Conversion.Of(_sql, _sql.Name(column.Name), StringType.Default, column.Type).Sql;
        }
    }

    /// <summary>
    /// Of the rows that break a rule which stops the run, those that its source has mended in what the run does not read yet: there is a newer
    /// row of their key that is good and whole, or a delete, or they were removed there with others.
    /// </summary>
    /// <remarks>The engine provides <c>failing</c>, rows of <c>checked</c>; <c>bronze_ahead</c>, as <c>bronze</c>. The result: <c>_file</c>, <c>_file_row</c>.</remarks>
    /// <param name="aheadEpoch">What of earlier epochs is gone: of this one Bronze has a finished snapshot there. Null: of none.</param>
    public string Mended(int? aheadEpoch)
    {
        var key = _sql.Names(_contract.Key);
        var isKnown = string.Join(" AND ", _contract.Key.Select(name => $"{_sql.Name(name)} IS NOT NULL"));
        var places = _order.OwnColumns.ToList();
        var columns = $"{key}, {_sql.Names(places)}";
        var gone = aheadEpoch is { } epoch && _order.Epoch is not null ? $"""

              UNION
              SELECT _file, _file_row FROM failing WHERE {_order.EpochOf("")} < {epoch}
            """ : "";
        var truncated = _hasChanged ? $"""

              UNION
              SELECT f._file, f._file_row FROM failing AS f
              CROSS JOIN (SELECT * FROM ({Ends("source", "_s_", isBronze: true)}) AS ends ORDER BY {RowOrder.LastEnd} LIMIT 1) AS l WHERE {_order.IsBefore("f.", "l.")}
            """ : "";
        return $"""
            {TypedOf("bronze_ahead", "")},
            ruled AS (
              SELECT *, {Broken(isApart: false)} AS _broken FROM typed
            ),
            told AS (
              SELECT {Lines("    ", [.. _contract.KeyColumns.Select(column => Stored(column.ToField())), .. places.Select(_sql.Name)])}
              FROM ruled WHERE _broken = '' AND _op <> 't' AND {isKnown} AND (_op = 'd' OR {_carried.IsWhole(isTable: false)})
            ),
            places AS (
              SELECT _file, _file_row, {columns}, false AS _settles FROM failing WHERE {isKnown}
              UNION ALL
              SELECT {_sql.Null(StringType.Default)}, {_sql.Null(Int64Type.Default)}, {columns}, true FROM told SEMI JOIN (SELECT {key} FROM failing) AS failing_keys USING ({key})
            ),
            ranked AS (
              SELECT *, row_number() OVER (PARTITION BY {key} ORDER BY {string.Join(", ", _order.OwnTerms)}, _settles ASC NULLS FIRST) AS _n FROM places
            )
            SELECT _file, _file_row
            FROM (SELECT *, max(CASE WHEN _settles THEN _n END) OVER (PARTITION BY {key}) AS _last FROM ranked) AS r
            WHERE NOT _settles AND _n < _last{gone}{truncated}
            """;
    }

    /// <summary>Rows that a truncate, or a newer snapshot, has removed.</summary>
    private string Gone
    {
        get
        {
            var placed = _bronze.Where(bronze => _order.Placing.Contains(bronze.Name)).ToList();
            return $"""

                  UNION ALL
                  SELECT _file, _file_row, _held_rules IS NOT NULL, _held, 1 FROM checked WHERE _rules <> '' AND _truncated
                  UNION ALL
                  SELECT q._file, q._file_row, true, q._held, 1
                  FROM (
                    SELECT {string.Join(", ", ["_bronze_file AS _file, _bronze_row AS _file_row, _held, _position", .. _order.PlacingOf(name => FromText(placed.Find(one => one.Name == name)!, placed.FindIndex(one => one.Name == name)))])}
                    FROM {Received("(SELECT * FROM quarantine_all ANTI JOIN held USING (_bronze_file, _bronze_row)) AS others", placed)}
                  ) AS q
                  CROSS JOIN last_truncate AS l WHERE {_order.IsBefore("q.", "l.")}
                """;
        }
    }

    private IEnumerable<string> TechnicalColumns =>
        SilverFields.Select(f => f.Name).Where(name => name[0] == '_').Append(BronzeColumns.Op);

    /// <summary>The truncates among the rows of <c>checked</c>, as <c>_epoch</c>, <c>_position</c> and <c>_place</c>.</summary>
    public string Truncates => Ends(Required.Count == 0 ? "checked" : "judged", "", isBronze: false);

    /// <summary>Whether row <c>t</c> of the table comes before the end <c>l</c>.</summary>
    public string IsTruncated => _order.IsBefore("t.", "l.");

    /// <summary>Rows with whether the last truncate comes after them.</summary>
    private string Placed => Truncation("source", "_s_")[1..] + $"""
        ,
        placed AS (
          SELECT typed.*, {_order.IsBefore("typed.", "truncation.")} AS _truncated
          FROM typed LEFT JOIN truncation ON true
        ),
        """;

    /// <summary>The last truncate, of this run or of earlier ones.</summary>
    /// <param name="prefix">Of the names that Bronze's columns have in <paramref name="from"/>.</param>
    private string Truncation(string from, string prefix) => $"""
        ,
        truncation AS (
          {Ends(from, prefix, isBronze: true)}
          UNION ALL
          SELECT _epoch, _position, 0 FROM truncated
          ORDER BY {RowOrder.LastEnd} LIMIT 1
        )
        """;

    private string Ends(string from, string prefix, bool isBronze) =>
        $"SELECT {_order.EpochOf(prefix)} AS _epoch, {(isBronze ? _order.PositionInBronze(prefix) : _order.PositionOf(prefix))} AS _position, {_order.PlaceOf(prefix)} AS _place FROM {from} WHERE {prefix}_op = 't'";

    /// <summary>A column of the Silver table that its contract does not name.</summary>
    private string Technical(string name)
    {
        return name == BronzeColumns.OrderTime ? _order.TimeOf(Raw) : Raw(name);
    }

    /// <summary>Rules are for rows: deletes and truncates have none.</summary>
    private string IsRow => _hasChanged ? "_op NOT IN ('d', 't')" : "_op <> 'd'";

    private string Broken(bool isApart)
    {
        var own = Listed(
        [
            .. _sources.SelectMany(BuiltInRules),
            .. UserRules(isApart, Severity.Quarantine, Severity.Fail),
        ]);
        var others = _documents.Select(document => $"WHEN {Malformed(document)} THEN '{SilverContract.MalformedJsonRule}'").ToList();
        if (_hasChanged) others.Insert(0, "WHEN _op = 't' THEN ''");
        return others.Count == 0 ? own : $"CASE {string.Join(' ', others)} ELSE {own} END";
    }

    /// <summary>A record without its document is broken; a column that holds documents may be null.</summary>
    private string Malformed(Document document) =>
        document.IsRecord && _contract.Format == RecordFormat.Json
            ? $"_op <> 'd' AND {document.Parsed} IS NULL"
            : $"{document.Raw} IS NOT NULL AND {document.Parsed} IS NULL";

    private IEnumerable<string> BuiltInRules(Source source)
    {
        var name = _sql.Name(source.Column.Name);
        var isKey = _contract.Key.Contains(source.Column.Name);
        var applies = isKey ? "" : $"_op <> 'd' AND {string.Concat((_hasChanged ? source.Inputs : []).Select(input => SilverTables.CarriedAs(input.Source, _bronze, _shape)).OfType<string>().Distinct(StringComparer.Ordinal).Select(from => $"{_sql.Call("carries", _shape.Changed!, _sql.Text(from))} AND "))}";
        if (source.Value.CanFail) yield return $"CASE WHEN {applies}{name} IS NULL AND {source.Given} IS NOT NULL THEN '{SilverContract.TypeRule(source.Column.Name)}' END";
        if (source.Column.IsRequired) yield return $"CASE WHEN {applies}{source.Given} IS NULL THEN '{SilverContract.RequiredRule(source.Column.Name)}' END";
    }

    /// <summary>Null, that a row does not say, passes. A row on which the condition itself fails breaks it under a name that says so.</summary>
    private IEnumerable<string> UserRules(bool isApart, params Severity[] severities) =>
        _contract.Rules.Select((rule, i) => (Rule: rule, Index: i)).Where(pair => severities.Contains(pair.Rule.Severity)).Select(pair => isApart
            ? $"CASE {RulesApart.Outcome(pair.Index)} WHEN {RulesApart.IsFalse} THEN '{pair.Rule.Name}' WHEN {RulesApart.Failed} THEN '{SilverContract.ErrorRule(pair.Rule.Name)}' END"
            : $"CASE WHEN {IsRow} AND NOT ({Closed(pair.Rule.Check)}) THEN '{pair.Rule.Name}' END");

    /// <summary>A comment at its end ends with its line.</summary>
    private string Closed(string check) => _sql.Render(check) + (check.Contains("--", StringComparison.Ordinal) ? "\n" : "");

    private IEnumerable<string> Missing(params Severity[] severities) =>
        _contract.References.Select((reference, i) => (reference, i)).Where(pair => severities.Contains(pair.reference.Severity))
            .Select(pair => $"CASE WHEN {IsRow} AND _broken = ''{(_hasEnds ? " AND NOT _truncated" : "")} AND {_sql.Name(pair.reference.Column)} IS NOT NULL AND reference_{pair.i}._to IS NULL THEN '{pair.reference.Name}' END");

    private string Join(Reference reference, int index) =>
        $"\n  LEFT JOIN (SELECT DISTINCT {_sql.Name(reference.To)} AS _to FROM {_sql.Table(reference.Table)}) AS reference_{index}\n    ON reference_{index}._to = {Mask(_contract.Column(reference.Column), "r.")}";

    private string Stored(Field field) =>
        field.Name[0] == '_' ? field.Name : Mask(_contract.Column(field.Name)) is var masked && masked == _sql.Name(field.Name) ? masked : $"{masked} AS {_sql.Name(field.Name)}";

    private string Mask(SilverColumn column, string prefix = "")
    {
        var name = prefix + _sql.Name(column.Name);
        return column.Mask switch
        {
            Contracts.Mask.Hash => _sql.Call("hmac", column.Type is StringType ? name : _sql.ToText(name, column.Type), prefix + MaskKey.InnerColumn, prefix + MaskKey.OuterColumn),
            Contracts.Mask.Redact => $"CASE WHEN {name} IS NOT NULL THEN '***' END",
            _ => name,
        };
    }

    /// <summary>What was received, as the quarantine keeps it: of a table that masks only whoever has the key reads it.</summary>
    private string Kept(string row) => _contract.Masks ? _sql.Call("seal", row) : row;

    /// <summary>The key as received, for a row that may not have got as far as a typed one.</summary>
    private string KeyText(SilverColumn column)
    {
        var source = _sources.Single(s => s.Column == column);
        var text = column.Mask != Contracts.Mask.None ? Mask(column) : source.GivenType is StringType ? source.Given : _sql.ToText(source.Given, source.GivenType);
        return $"CASE WHEN {IsKept} THEN {text} END AS _key_{column.Name}";
    }

    /// <summary>Finds where a column comes from and how it becomes its type.</summary>
    private Source Resolve(SilverColumn column)
    {
        var inputs = column.Sources.Select(source => Resolve(column, source)).ToList();
        if (column.Value is { } expression)
        {
            var value = new ExpressionSql(_sql, source =>
            {
                var input = inputs.First(one => one.Source == source);
                return (input.Given, input.Type);
            }).Of(expression, column.Type);
            // What was received is missing when all of it is.
            var texts = inputs.Select(input => input.Type is StringType ? input.Given : _sql.ToText(input.Given, input.Type)).ToList();
            var given = texts.Count switch { 0 => value.Sql, 1 => texts[0], _ => $"COALESCE({string.Join(", ", texts)})" };
            return new Source(column, inputs, given, texts.Count == 0 ? column.Type : StringType.Default, value);
        }

        var only = inputs[0];
        if (column.Path is not null && JsonPath.TryParse(column.Path)!.Array is not null && column.Type is ListType list)
            // What is no array has no items: nothing was received.
            return new Source(column, inputs, _sql.Call("json_array", only.Given), StringType.Default, Conversion.OfItems(_sql, only.Given, list, JsonPath.TryParse(column.Path)!.InItem));
        return new Source(column, inputs, only.Given, only.Type, Conversion.Of(_sql, only.Given, only.Type, column.Type));
    }

    private Input Resolve(SilverColumn column, ColumnExpression.Source source)
    {
        var from = source.Column ?? _shape.Document
            ?? throw new PipelineException(FaultKind.Invalid, $"Table {_contract.Table}, column {column.Name}",
                $"no column of {_contract.From} holds a whole record ({_contract.Location})",
                $"Remove format = json, or say with from which column holds the document. It has: {string.Join(", ", _bronze.Select(f => f.Name))}.");
        var field = SilverTables.TryBronze(_bronze, from)
            ?? throw new PipelineException(FaultKind.Invalid, $"Table {_contract.Table}, column {column.Name}",
                $"{_contract.From} has no column '{from}' ({_contract.Location})",
                $"Correct from{SettingsReader.Nearest(from, _bronze.Select(f => f.Name))} It has: {string.Join(", ", _bronze.Select(f => f.Name))}.");
        if (source.Path is null) return new Input(source, field, Given(field, from), field.DataType);

        var document = _documents.Find(d => d.Field == field);
        if (document is null) _documents.Add(document = new Document(field.Name == _shape.Document, [], Raw(field.Name), Plain("_json_", field.Name), Plain("_exact_", field.Name), field));
        var path = JsonPath.TryParse(source.Path)!;
        document.Paths.Add(path.Array ?? path);
        return new Input(source, field, _sql.Item(document.Parsed, document.Paths.Count), StringType.Default);
    }

    /// <summary>A table that had its source's column under a name that readers refuse has that one beside the one that it is renamed to.</summary>
    private string Given(Field field, string from) =>
        _bronze.FirstOrDefault(other => other != field && other.Name == from && _sql.Type(other.DataType) == _sql.Type(field.DataType)) is { } older
            ? $"COALESCE({Raw(field.Name)}, {Raw(older.Name)})" : Raw(field.Name);

    private string Parse(Document document) => $"{_sql.JsonTexts(document.Raw, document.Exact, document.Paths)} AS {document.Parsed}";

    private string Raw(string bronzeColumn) => Plain("_s_", bronzeColumn);

    /// <summary>A column of our own for one of Bronze.</summary>
    private string Plain(string prefix, string bronzeColumn) => bronzeColumn.All(c => char.IsAsciiLetterOrDigit(c) || c == '_') ? prefix + bronzeColumn : _sql.Name(prefix + bronzeColumn);

    private string ToText(Field field) => field.DataType is StringType ? Raw(field.Name) : _sql.ToText(Raw(field.Name), field.DataType);

    /// <param name="index">Of the column among those that are <see cref="Received"/>.</param>
    private string FromText(Field field, int index)
    {
        var text = _sql.Item("_texts", index + 1);
        return field.DataType switch
        {
            StringType => text,
            BinaryType => $"unhex({text})",
            ListType => Conversion.OfImage(_sql, text, field.DataType),
            _ => _sql.TryCast(text, field.DataType),
        };
    }

    private static string Listed(IEnumerable<string> cases)
    {
        var all = cases.ToList();
        return all.Count == 0 ? "''" : $"concat_ws(','{string.Concat(all.Select(one => $",\n      {one}"))})";
    }

    private static string Lines(string indent, IEnumerable<string> items) => string.Join($",\n{indent}", items);

    /// <summary>A Bronze column that holds JSON, and the paths that are read from it in one pass.</summary>
    /// <param name="IsRecord">It holds the whole record.</param>
    /// <param name="Raw">The column that holds it.</param>
    /// <param name="Parsed">The column of the texts at its paths.</param>
    /// <param name="Exact">The column of <see cref="SqlDialect.JsonPrepared"/>.</param>
    private sealed record Document(bool IsRecord, List<JsonPath> Paths, string Raw, string Parsed, string Exact, Field Field);

    /// <param name="Given">The value as received: null only when there is none.</param>
    private sealed record Source(SilverColumn Column, IReadOnlyList<Input> Inputs, string Given, IArrowType GivenType, Conversion Value)
    {
        public bool Reads(Field field) => Inputs.Any(input => input.Field == field);

        public bool ReadsWithin(Field field) => Inputs.Any(input => input.Field == field && input.Source.Path is not null);
    }

    /// <summary>A Bronze column, or what is at a path in it.</summary>
    private sealed record Input(ColumnExpression.Source Source, Field Field, string Given, IArrowType Type);
}

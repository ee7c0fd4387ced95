using System.Collections.Immutable;
using System.Globalization;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Silver;

/// <summary>
/// A Silver table's run as steps: new Bronze rows and rows held in quarantine become rows of the table, its quarantine and its
/// deletes.
/// </summary>
/// <param name="table">The table before the run.</param>
/// <param name="quarantine">Its quarantine; null: what it held does not count.</param>
/// <param name="deleted">Its deletes; null: there have been none.</param>
internal sealed class SilverSteps(JobSpec spec, Snapshot table, Snapshot? quarantine, Snapshot? deleted)
{
    public const string CountsFigures = "counts";
    public const string QuarantinedFigures = "quarantined_by_rule";
    public const string WarnedFigures = "warned_by_rule";
    public const string SetAsideFigures = "set_aside_by_rule";
    public const string TruncatedFigures = "truncated_rows";
    public const string TruncateFigures = "truncate";
    public const string BehindFigures = "behind";
    public const string WaitingFigures = "waiting_rows";
    public const string TakenFigures = "taken_rows";
    public const string SettledFigures = "settled_rows";
    public const string FieldsFigures = "unread_fields";

    private readonly SourceEnd? _reflected = SourceEnd.Of(table);
    private readonly SilverStatements _silver = spec.Silver!;
    private readonly SqlDialect _sql = spec.Dialect;
    private readonly string _key = spec.Dialect.Names(spec.Key);

    public MergeSql Table { get; } = new(spec.Dialect, "table", spec.Table, table, spec.Columns, spec.Key);

    public MergeSql Quarantine { get; } = new(spec.Dialect, "quarantine", TableId.Quarantine(spec.Table.Name), quarantine, spec.Silver!.Quarantine, [.. SilverTables.QuarantineKey]);

    public MergeSql Deleted { get; } = new(spec.Dialect, "deleted", SilverTables.Deleted(spec.Table), deleted, spec.Columns, spec.Key);

    /// <summary>The table has the run: no row stops it any more, and what would have mended it may be gone.</summary>
    public bool IsDecided { get; init; }

    /// <param name="isDone">Whether a table has the run already: it is not written again.</param>
    /// <param name="ahead">Files of Bronze behind those that the run reads, where it looks for what mends its rows.</param>
    public JobDocument Document(string root, Func<TableId, bool> isDone, params ImmutableArray<JobFile> ahead)
    {
        (MergeSql Merge, TableId Id, IEnumerable<JobStep> Steps)[] written =
        [
            (Table, spec.Table, [.. Table.Write("matched", "upserts", "removed"), .. QualityMeasures.Steps(spec)]),
            (Quarantine, TableId.Quarantine(spec.Table.Name), QuarantineSteps),
            (Deleted, SilverTables.Deleted(spec.Table), Deleted.Write("tombstones", "gone", null)),
        ];
        var toDo = written.Where(one => !isDone(one.Id)).ToList();
        return new JobDocument
        {
            Format = JobDocument.CurrentFormat,
            Dialect = _sql.Engine,
            Run = new DocumentRun(spec.Table, spec.Pins.Run),
            Root = root,
            Masks = _silver.Masks,
            Relations = [.. Inputs, .. Mended is null ? [] : (JobRelation[])[new JobRelation("bronze_ahead", spec.Inputs[0].Table.ToString(), spec.Inputs[0].Columns, ahead) { Origin = true, NeededWhen = "failing" }], .. written.SelectMany(one => one.Merge.Relations)],
            Outputs = [.. toDo.Select(one => one.Merge.Output)],
            Steps = [.. CheckSteps, .. LatestSteps, .. toDo.SelectMany(one => one.Steps), .. LooksForFields ? [new FiguresStep(FieldsFigures, _silver.Fields!, [.. UnreadFieldsSql.Columns])] : (JobStep[])[]],
        };
    }

    private bool LooksForFields => !string.IsNullOrEmpty(_silver.Fields);

    /// <summary>What the table's log says, after the run, of members of documents that no column reads; null: none are there.</summary>
    public string? FieldsAfter(CheckedAnswer answer)
    {
        if (!LooksForFields) return null;
        var found = UnreadFields.Of(table).With(answer.Rows(FieldsFigures));
        return found.Count == 0 ? null : found.ToJson();
    }

    /// <summary>Where members become columns: what the table's log says, after the run, of these, and of members that cannot.</summary>
    public (string? Added, string? Unread) AddedAfter(CheckedAnswer answer, RunQuality quality)
    {
        var found = LooksForFields ? UnreadFields.Of(table).With(answer.Rows(FieldsFigures)) : UnreadFields.None;
        var named = ContractShape.TryRead(_silver.Contract)!.Columns.Select(column => column.Name).ToHashSet(StringComparer.Ordinal);
        var added = AddedColumns.Of(table).With(found.Told, named.Contains).Widened([.. quality.QuarantinedByRule.Keys]);
        return (added.ToJson(), found.More == 0 ? null : new UnreadFields([], found.More).ToJson());
    }

    private IEnumerable<JobRelation> Inputs =>
    [
        new JobRelation("bronze", spec.Inputs[0].Table.ToString(), spec.Inputs[0].Columns, spec.Inputs[0].Files) { Origin = true },
        .. spec.Inputs.Skip(1).Select(input => input.ToRelation(_sql)),
        new JobRelation("quarantine_rows", TableId.Quarantine(spec.Table.Name).ToString(), _silver.Quarantine, JobFiles.Of(quarantine)),
        new JobRelation("quarantine_all", TableId.Quarantine(spec.Table.Name).ToString(), _silver.Quarantine, JobFiles.Of(quarantine)) { NeededWhen = "last_truncate" },
        new JobRelation("table_rows", spec.Table.ToString(), spec.Columns, JobFiles.Of(table)) { NeededWhen = "last_truncate" },
    ];

    private string? Mended => IsDecided ? null : _silver.Mended;

    /// <summary>Make <c>checked</c>, or <c>judged</c>: every row typed, with the rules that it breaks.</summary>
    private IEnumerable<JobStep> CheckSteps
    {
        get
        {
            var truncated = SourceEnd.Last([_reflected, _silver.SnapshotEpoch is { } epoch ? new SourceEnd(epoch, null) : null]);
            var bound = spec.Pins.HeldRowsMax is { } rowsMax ? $"_n <= {rowsMax} AND (_n = 1 OR _bytes <= {spec.Pins.HeldBytesMax})" : "true";
            yield return new DefineStep("truncated", $"SELECT {Number(truncated?.Epoch ?? 0)} AS _epoch, {Number(truncated is { } end ? end.Position : 0)} AS _position WHERE {(truncated is null ? "false" : "true")}");
            yield return new DefineStep("waiting", "SELECT * FROM quarantine_rows WHERE _held");
            yield return new FiguresStep(WaitingFigures, "SELECT count(*) AS waiting FROM waiting", [new JobColumn("waiting", "long")]);
            yield return new DefineStep("releasable", $"SELECT _file AS _bronze_file, _file_row AS _bronze_row, {bound} AS _now FROM ({(JudgesAgain ? JudgedOtherwise : _silver.Releasable)}) AS released") { Keep = true };
            yield return new DefineStep("held", $"SELECT * FROM {(JudgesAgain ? "quarantine_rows" : "waiting")} SEMI JOIN (SELECT * FROM releasable WHERE _now) AS leaving USING (_bronze_file, _bronze_row)");
            yield return new FiguresStep(TakenFigures, "SELECT count(*) AS taken FROM held WHERE _held", [new JobColumn("taken", "long")]);
            // Rows of the quarantine could leave it and are left for the next run.
            yield return new FiguresStep(BehindFigures, "SELECT count(*) AS behind FROM releasable WHERE NOT _now", [new JobColumn("behind", "long")]);
            yield return new DefineStep(Judged, _silver.Checked)
            {
                Keep = true,
                Otherwise = _silver.Apart.Checks.IsEmpty ? [] :
                [
                    new JudgeStep("outcomes", _silver.Apart.Rows, ["_file", "_file_row"], _silver.Apart.Checks),
                    new DefineStep(Judged, _silver.Apart.Checked) { Keep = true },
                ],
            };
            if (_silver.Mended is null && !IsDecided) yield return Stops($"SELECT * FROM {Judged} WHERE _failures <> ''");
        }
    }

    /// <summary>Ends the run where rows break a rule that stops it.</summary>
    private CheckStep Stops(string rows) => new($"SELECT _failures, {Text("count(*)")}, {Text("min(_position)")} FROM ({rows}) AS stopping GROUP BY _failures ORDER BY count(*) DESC NULLS LAST, _failures ASC NULLS FIRST LIMIT 1",
        new FaultWords($"Table {spec.Table}", "rule {0} with severity fail is broken (rows: {1}, the first at position {2}): the table stands, and what is made of it",
            "It goes on by itself when its source has mended or deleted these rows; or change the rule in the contract, or its severity.") { Kind = AnsweredFailure.RuleBroken });

    /// <summary>The rows with the rules that they break by themselves; where some may lack what is required, <c>checked</c> is made of them when the table's rows are known.</summary>
    private string Judged => _silver.Lacking is null ? "checked" : "judged";

    private bool JudgesAgain => spec.Pins.JudgesAgain == true && _silver.Judging is not null;

    private string JudgedOtherwise
    {
        get
        {
            const string order = "(ORDER BY _bronze_version ASC NULLS FIRST, _bronze_file ASC NULLS FIRST, _bronze_row ASC NULLS FIRST ROWS UNBOUNDED PRECEDING)";
            return $"SELECT _bronze_file AS _file, _bronze_row AS _file_row, row_number() OVER {order} AS _n, CAST(sum({_sql.Call("byte_length", "_row")}) OVER {order} AS BIGINT) AS _bytes FROM quarantine_rows WHERE {SilverTables.Judging} IS DISTINCT FROM {Number(_silver.Judging)}";
        }
    }

    /// <summary>Keys of rows that break a rule too: what is settled is looked for among their rows.</summary>
    private string CheckedKeys => $"SELECT {_key} FROM {Judged} WHERE {(_silver.Settled is null && _silver.Lacking is null ? "_rules = ''" : string.Join(" AND ", spec.Key.Select(name => $"{_sql.Name(name)} IS NOT NULL")))}";

    /// <summary>Make <c>latest</c>, what became of each key, and from it <c>upserts</c>, <c>gone</c> and <c>removed</c>.</summary>
    private IEnumerable<JobStep> LatestSteps
    {
        get
        {
            var begun = NewSnapshot is { } epoch ? $" UNION ALL SELECT {Number(epoch)}, {Number(null)}, 0" : "";
            yield return new DefineStep("last_truncate", $"SELECT * FROM ({_silver.Truncates}{begun}) AS ends ORDER BY {RowOrder.LastEnd} LIMIT 1") { Keep = true };
            yield return new FiguresStep(TruncateFigures, $"SELECT {_sql.Cast("_epoch", Int64Type.Default)} AS _epoch, _position FROM last_truncate WHERE _position IS NOT NULL", [new JobColumn("_epoch", "long"), new JobColumn("_position", "long")]);
            // The keys of the table's rows that a truncate of this run, or a snapshot that is new to it, removes.
            yield return new DefineStep("emptied", $"""
                SELECT {string.Join(", ", spec.Key.Select(name => $"t.{_sql.Name(name)}"))} FROM table_rows AS t CROSS JOIN last_truncate AS l
                WHERE {_silver.IsTruncated}
                """) { Keep = true };
            foreach (var step in Table.Match($"{CheckedKeys} UNION ALL SELECT {_key} FROM emptied", "matched")) yield return step;
            yield return new DefineStep("existing", $"SELECT * FROM matched ANTI JOIN emptied USING ({_key})");
            foreach (var step in Deleted.Match(CheckedKeys, "tombstones")) yield return step;
            if (_silver.Lacking is { } lacking)
            {
                yield return new DefineStep("lacking", lacking) { Keep = true };
                yield return new DefineStep("checked", "SELECT j.*, CASE WHEN l._file IS NULL THEN j._own_rules ELSE l._lacked END AS _rules FROM judged AS j LEFT JOIN lacking AS l ON j._file = l._file AND j._file_row = l._file_row");
            }

            yield return new DefineStep("settled", _silver.Settled ?? $"SELECT _file, _file_row, false AS _was, false AS _waited, 0 AS _gone FROM checked WHERE false") { Keep = true };
            if (Mended is { } mended)
            {
                yield return new DefineStep("failing", "SELECT * FROM checked ANTI JOIN settled USING (_file, _file_row) WHERE _failures <> ''") { Keep = true };
                // Where a rule fails on a row that is not the run's, nobody knows of any that it is mended.
                yield return new DefineStep("mended", mended) { Keep = true, Otherwise = [new DefineStep("mended", "SELECT _file, _file_row FROM failing WHERE false") { Keep = true }] };
                yield return Stops("SELECT * FROM failing ANTI JOIN mended USING (_file, _file_row)");
            }

            yield return new FiguresStep(SettledFigures, "SELECT count(*) FILTER (WHERE _was) AS left_rows, count(*) FILTER (WHERE NOT _was) AS new_rows, count(*) FILTER (WHERE _gone = 1) AS gone, count(*) FILTER (WHERE _waited) AS waited FROM settled",
                [new JobColumn("left_rows", "long"), new JobColumn("new_rows", "long"), new JobColumn("gone", "long"), new JobColumn("waited", "long")]);
            yield return new DefineStep("latest", $"SELECT * FROM ({_silver.Latest}) AS decided WHERE NOT _existing") { Keep = true };
            yield return new DefineStep("upserts", "SELECT * FROM latest WHERE _op <> 'd'");
            yield return new DefineStep("gone", "SELECT * FROM latest WHERE _op = 'd'");
            yield return new DefineStep("removed", $"SELECT {_key} FROM gone UNION ALL SELECT {_key} FROM emptied ANTI JOIN upserts USING ({_key})");
        }
    }

    /// <summary>Adds rows that broke a rule, removes rows whose parents have arrived.</summary>
    private IEnumerable<JobStep> QuarantineSteps =>
    [
        new DefineStep("quarantined", $"""
            SELECT {string.Join(", ", spec.Key.Select(name => $"_key_{name} AS {_sql.Name(name)}"))}, _rules, _held, _row, _op, _position,
              _file AS _bronze_file, _file_row AS _bronze_row,
              COALESCE(_held_version, {spec.Pins.Inputs[0].Version}) AS _bronze_version,
              COALESCE(_held_at, {_sql.Moment(spec.Pins.RequestedAt)}) AS _quarantined_at{(_silver.Judging is { } judging ? $", {Number(judging)} AS {SilverTables.Judging}" : "")}
            FROM checked ANTI JOIN settled USING (_file, _file_row) WHERE _rules <> ''{(JudgesAgain ? "" : " AND (_held_rules IS NULL OR _rules <> _held_rules)")}
            """),
        new DefineStep("released", "SELECT _file AS _bronze_file, _file_row AS _bronze_row FROM checked WHERE _rules = '' AND _held_rules IS NOT NULL UNION ALL SELECT _file, _file_row FROM settled WHERE _was"),
        .. Quarantine.Match("SELECT _file AS _bronze_file, _file_row AS _bronze_row FROM checked WHERE _held_rules IS NOT NULL UNION SELECT _file, _file_row FROM settled WHERE _was", "quarantine_existing"),
        .. Quarantine.Write("quarantine_existing", "quarantined", "released"),
    ];

    /// <summary>The epoch of a finished snapshot that the table does not reflect yet; null: there is none.</summary>
    private long? NewSnapshot => _silver.SnapshotEpoch is { } epoch && epoch > (table.Position(SourceEnd.SnapshotAppId) ?? 0) ? epoch : null;

    /// <summary>What the table reflects of ends of the source with the run.</summary>
    public IEnumerable<TxnMove> Moves(CheckedAnswer answer)
    {
        if (NewSnapshot is { } epoch) yield return new TxnMove(SourceEnd.SnapshotAppId, table.Position(SourceEnd.SnapshotAppId), epoch);
        if (answer.Rows(TruncateFigures).IsEmpty) yield break;
        var end = new SourceEnd(answer.Long(TruncateFigures), answer.Long(TruncateFigures, 1));
        if (_reflected is not { } known || end.IsAfter(known)) yield return new TxnMove(end.AppId, table.Position(end.AppId), end.Position!.Value);
    }

    private string Number(long? value) => value is { } number ? _sql.Cast(number.ToString(CultureInfo.InvariantCulture), Int64Type.Default) : _sql.Null(Int64Type.Default);

    private string Text(string number) => _sql.ToText(number, Int64Type.Default);
}

using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Schemas;
using Pipeline.Operations.Inspection;
using Pipeline.Operations.Options;
using Pipeline.Operations.Sources;
using Pipeline.Operations.Verification;
using Pipeline.Transform;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Jobs.Rebuild;
using Pipeline.Transform.Silver;

namespace Pipeline.Operations.Planning;

/// <param name="Tables">Of which it shall be said.</param>
public sealed record PlanTablesRequest(IReadOnlyList<TableId> Tables);

public enum PlannedChangeKind
{
    /// <summary>The lake has no such table.</summary>
    Create,

    AddColumns,

    ChangeTypes,

    /// <summary>The columns stay as they are; what the log says of them changes.</summary>
    DescribeColumns,

    /// <summary>What the log says of the table to people changes.</summary>
    DescribeTable,
}

/// <param name="Present">The column's type in the lake, where it is another.</param>
public sealed record PlannedColumn(string Name, IArrowType Wanted, IArrowType? Present = null);

public sealed record PlannedChange(TableId Table, PlannedChangeKind Kind, IReadOnlyList<PlannedColumn> Columns);

/// <summary>What will execute a table's next run.</summary>
public sealed record PlannedEngine(TableId Table, string Engine, string? Why);

/// <summary>A part of a table's configuration that is another than the one that its rows were made by.</summary>
/// <param name="What">The part and how it changed: <c>rule email_valid changed</c>.</param>
public sealed record PlannedRemake(TableId Table, PlannedMeaning Meaning, string What);

/// <summary>A member of JSON records that a table has met and that no column reads.</summary>
/// <param name="Path">Where it is.</param>
/// <param name="Type">The type that takes what was seen.</param>
/// <param name="Records">Of the records looked at, so many had it when it was found.</param>
/// <param name="Line">The line of the contract that would take it.</param>
public sealed record PlannedField(TableId Table, string Path, string Type, long Records, string Line);

/// <summary>More rows of a Silver table were set aside than is expected, and still are.</summary>
/// <param name="Rows">New rows of the runs that did so.</param>
/// <param name="Quarantined">Of those, the ones that were set aside.</param>
/// <param name="PercentMax">So many of a hundred are expected.</param>
/// <param name="Rule">The rule that most of them break.</param>
public sealed record PlannedQuarantine(TableId Table, long Rows, long Quarantined, int PercentMax, string Rule);

/// <summary>A table of the lake that no configuration names any more: its rows stay, and nothing reads or writes them.</summary>
/// <param name="Rows">Null: unknown.</param>
public sealed record PlannedLeftover(TableId Table, long? Rows);

/// <summary>What a change means for the rows that are there.</summary>
public enum PlannedMeaning
{
    Nothing,

    /// <summary>Rows of the quarantine are judged again.</summary>
    JudgeQuarantine,

    /// <summary>The table is made anew, so that its rows have a column that Bronze has.</summary>
    FillColumns,

    /// <summary>It is made anew.</summary>
    MakeAnew,
}

/// <param name="Lake">Where it is.</param>
/// <param name="Failed">The tables of which it cannot be said: their source does not describe them, or the lake's cannot be read.</param>
public sealed record PlanTablesResult(string Lake, IReadOnlyList<PlannedChange> Changes, IReadOnlyList<FailedTable> Failed)
{
    /// <summary>Of the tables that have something to do, where Spark is set up.</summary>
    public IReadOnlyList<PlannedEngine> Engines { get; init; } = [];

    /// <summary>What of the configuration has changed since the tables were made, and what that means for them.</summary>
    public IReadOnlyList<PlannedRemake> Remakes { get; init; } = [];

    /// <summary>Tables of whose rows more were set aside than is expected: somebody has to mend something.</summary>
    public IReadOnlyList<PlannedQuarantine> Exceeding { get; init; } = [];

    /// <summary>Tables that have left the configuration. A run changes nothing about them.</summary>
    public IReadOnlyList<PlannedLeftover> Leftovers { get; init; } = [];

    /// <summary>Tables that lie elsewhere than the configuration would have them now. A run changes nothing about it.</summary>
    public IReadOnlyList<TablePlacement> Misplaced { get; init; } = [];

    /// <summary>What records have that no contract takes. A run changes nothing about it.</summary>
    public IReadOnlyList<PlannedField> Fields { get; init; } = [];
}

/// <summary>What a run would create or change in the lake.</summary>
public static class PlanTables
{
    public static async Task<PlanTablesResult> RunAsync(PlanTablesRequest request, PipelineOptions options, SourceServices services, Lake lake, CancellationToken cancellationToken)
    {
        var asked = request.Tables.ToHashSet();
        var tables = options.Graph.Tables.Where(asked.Contains).ToList();
        var (changes, failed) = (new List<PlannedChange>(), new List<FailedTable>());
        // A lake or a source that is away is waited for once, not once a table.
        Fault? lakeAway = null;
        await using var sources = OpenSources.Open(options.Sources, services);
        foreach (var source in sources)
        {
            Fault? sourceAway = null;
            foreach (var table in source.Tables.Where(table => asked.Contains(TableId.Bronze(source.Name, table.Name))))
            {
                var id = TableId.Bronze(source.Name, table.Name);
                var schema = await TryAsync(id, sourceAway, async () => BronzeColumns.TableSchema(await source.DescribeAsync(table.Name, cancellationToken)));
                sourceAway = Away(schema.Failed);
                if (schema.Failed is { } undescribed) failed.Add(undescribed);
                else await AddAsync(id, schema.Result!);
            }
        }

        foreach (var table in tables) await AddAsync(table, new Schema(options.Graph.ColumnsOf(table), null));
        var engines = new List<PlannedEngine>();
        var planner = new JobPlanner(new OpenTables(lake), options.Graph, options.Transform, services.Time);
        foreach (var table in options.Transform.SparkEngines.IsEmpty ? [] : tables.Where(table => failed.TrueForAll(other => other.Table != table)))
        {
            var (runs, unplanned) = await TryAsync<IReadOnlyList<JobPins>>(table, lakeAway, async () => await planner.PlanAsync(table, cancellationToken) is { } pins ? [pins] : []);
            lakeAway = Away(unplanned);
            if (unplanned is not null) failed.Add(unplanned);
            else engines.AddRange(runs!.Select(pins => new PlannedEngine(table, pins.Engine ?? EngineKinds.InProcess, pins.EngineWhy)));
        }

        var changed = new ChangedTables(new OpenTables(lake), options.Graph, options.Transform);
        var remakes = new List<PlannedRemake>();
        foreach (var table in tables.Where(table => failed.TrueForAll(other => other.Table != table)))
        {
            var (found, unread) = await TryAsync(table, lakeAway, async () => await changed.SinceAsync(table, cancellationToken));
            lakeAway = Away(unread);
            if (unread is not null) failed.Add(unread);
            else remakes.AddRange(found!.Select(change => new PlannedRemake(table, MeaningOf(change.Meaning), change.ToString())));
        }

        var (fields, exceeding) = (new List<PlannedField>(), new List<PlannedQuarantine>());
        foreach (var contract in options.Graph.Silver.Where(contract => asked.Contains(contract.Table) && failed.TrueForAll(other => other.Table != contract.Table)))
        {
            var (found, unread) = await TryAsync(contract.Table, lakeAway, async () => new Said(await FieldsAsync(lake, contract, cancellationToken), await ExceedingAsync(lake, contract, options.Transform, cancellationToken)));
            lakeAway = Away(unread);
            if (unread is not null) failed.Add(unread);
            else (fields, exceeding) = ([.. fields, .. found!.Fields], [.. exceeding, .. found.Exceeding]);
        }

        var leftovers = lakeAway is null ? await LeftoversAsync(options, lake, failed, cancellationToken) : [];
        var misplaced = lakeAway is null ? (await TablePlacement.FindAsync(options, lake, cancellationToken)).Where(table => asked.Contains(table.Table)).ToList() : [];
        return new PlanTablesResult(lake.Store.Location, changes, failed) { Misplaced = misplaced, Engines = engines, Remakes = remakes, Fields = fields, Exceeding = exceeding, Leftovers = leftovers };

        async Task AddAsync(TableId id, Schema wanted)
        {
            var (found, unreadable) = await TryAsync(id, lakeAway, () => CompareAsync(lake, id, wanted, options.Graph.WordsOf(id), cancellationToken));
            lakeAway = Away(unreadable);
            if (unreadable is not null) failed.Add(unreadable);
            else changes.AddRange(found!);
        }
    }

    private static Task<(T? Result, FailedTable? Failed)> TryAsync<T>(TableId id, Fault? away, Func<Task<T>> work)
        where T : class =>
        away is null ? LakeInventory.TryAsync(id, work) : Task.FromResult<(T?, FailedTable?)>((null, new FailedTable(id, away)));

    private static async Task<IReadOnlyList<PlannedField>> FieldsAsync(Lake lake, SilverContract contract, CancellationToken cancellationToken) =>
        await lake.TryOpenAsync(contract.Table, cancellationToken) is { } table
            ? [.. UnreadFields.Of(table.Current).For(contract).Select(field => new PlannedField(contract.Table, field.Path, field.Type, field.Records, field.LineFor(contract)))] : [];

    private static async Task<IReadOnlyList<PlannedQuarantine>> ExceedingAsync(Lake lake, SilverContract contract, TransformOptions options, CancellationToken cancellationToken)
    {
        var percentMax = options.QuarantinePercentMaxOf(contract);
        return await lake.TryOpenAsync(contract.Table, cancellationToken) is { } table && MassQuarantine.Of(table.Current) is { } mass && mass.Exceeds(percentMax)
            ? [new PlannedQuarantine(contract.Table, mass.Rows, mass.Quarantined, percentMax, mass.Rule)] : [];
    }

    /// <summary>Tables that a run makes only beside another are of that one.</summary>
    private static async Task<IReadOnlyList<PlannedLeftover>> LeftoversAsync(PipelineOptions options, Lake lake, List<FailedTable> failed, CancellationToken cancellationToken)
    {
        var (wanted, leftovers) = (LakeTables.Of(options), new List<PlannedLeftover>());
        await foreach (var id in LakeInventory.TablesAsync(lake, cancellationToken))
        {
            if (wanted.Has(id) || IsBeside(id)) continue;
            var (table, unread) = await LakeInventory.TryAsync(id, () => LakeInventory.OpenAsync(lake, id, cancellationToken));
            if (unread is not null) failed.Add(unread);
            else leftovers.Add(new PlannedLeftover(id, table!.Current.RowCount));
        }

        return leftovers;
    }

    private static bool IsBeside(TableId id) => id.Layer switch
    {
        Layer.Bronze => id.Name == TableId.DeadLetterName,
        Layer.Silver => id == QualityTable.Id || id.IsBeingBuilt || id.Name.EndsWith(TableId.QuarantineSuffix, StringComparison.Ordinal) || id.Name.EndsWith(TableId.DeletedSuffix, StringComparison.Ordinal),
        _ => false,
    };

    private static PlannedMeaning MeaningOf(ChangeMeaning meaning) => meaning switch
    {
        ChangeMeaning.JudgeQuarantine => PlannedMeaning.JudgeQuarantine,
        ChangeMeaning.FillColumns => PlannedMeaning.FillColumns,
        ChangeMeaning.Rebuild => PlannedMeaning.MakeAnew,
        _ => PlannedMeaning.Nothing,
    };

    private static Fault? Away(FailedTable? failed) => failed is { Fault: { Kind: FaultKind.Unreachable } away } ? away : null;

    private static async Task<IReadOnlyList<PlannedChange>> CompareAsync(Lake lake, TableId id, Schema wanted, TableWords? words, CancellationToken cancellationToken)
    {
        if (await lake.TryOpenAsync(id, cancellationToken) is not { } table)
            return [new PlannedChange(id, PlannedChangeKind.Create, [.. wanted.FieldsList.Select(field => new PlannedColumn(field.Name, field.DataType))])];

        var difference = SchemaDifference.Of(table.Current.Schema, wanted);
        var described = difference.Described.Concat(words?.OtherThan(table.Current.Schema) ?? []).DistinctBy(field => field.Name);
        PlannedChange[] changes =
        [
            new(id, PlannedChangeKind.AddColumns, [.. difference.Added.Select(field => new PlannedColumn(field.Name, field.DataType))]),
            new(id, PlannedChangeKind.ChangeTypes, [.. difference.Retyped.Select(pair => new PlannedColumn(pair.Present.Name, pair.Wanted.DataType, pair.Present.DataType))]),
            new(id, PlannedChangeKind.DescribeColumns, [.. described.Select(field => new PlannedColumn(field.Name, field.DataType))]),
        ];
        return [.. changes.Where(change => change.Columns.Count > 0), .. words?.IsOtherThan(table.Current.Metadata) == true ? [new PlannedChange(id, PlannedChangeKind.DescribeTable, [])] : (PlannedChange[])[]];
    }

    /// <summary>What a table's log says beside its shape.</summary>
    private sealed record Said(IReadOnlyList<PlannedField> Fields, IReadOnlyList<PlannedQuarantine> Exceeding);
}

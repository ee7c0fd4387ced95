using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Operations.Inspection;
using Pipeline.Operations.Maintenance;
using Pipeline.Telemetry.Alerting;
using Pipeline.Transform;
using Pipeline.Transform.Coordination.Freshness;
using Pipeline.Transform.Jobs;

namespace Pipeline.Operations.Tables;

public sealed record StatusOfLakeRequest;

/// <summary>How a table is, in one word; the worst comes first.</summary>
public enum TableHealth
{
    /// <summary>It waits for somebody to mend something, or for a rule that a row breaks.</summary>
    Halted,

    /// <summary>Older than is promised.</summary>
    Late,

    /// <summary>Fewer rows of its last run were as a dimension of its contract asks than people are told of.</summary>
    Poor,

    /// <summary>Something it needs does not answer; it is tried again.</summary>
    Retried,

    Fresh,
}

/// <summary>A part of a split that is read again.</summary>
/// <param name="To">Where it ends.</param>
/// <param name="Back">Where the split goes on then.</param>
public sealed record SplitAgain(SplitId Split, long Position, long To, long Back);

/// <summary>One table that the pipeline fills, without those beside it.</summary>
/// <param name="Version">Null: there is no such table yet.</param>
/// <param name="Rows">Null when a file does not say how many it has.</param>
/// <param name="Quarantine">Rows that wait in its quarantine; null: it has none.</param>
/// <param name="Age">Since the moment of its sources that it is known to reflect; since its last commit where no node has said.</param>
/// <param name="Quality">The least score of its last run, from 0 to 1, whichever dimension has it; null: it has no contract, or no run in its log.</param>
/// <param name="Fault">What was last said to be wrong; null: nothing.</param>
public sealed record TableSummary(TableId Table, long? Version, long? Rows, long? Quarantine, TimeSpan Age, TimeSpan Sla, double? Quality, ToldFault? Fault)
{
    /// <summary>Why its source may have rows that are passed by although it is read on; null: nothing is known.</summary>
    public ToldFault? Doubt { get; init; }

    /// <summary>A part of it that is being read again; null: none is, or nobody has looked.</summary>
    public SplitAgain? Again { get; init; }

    private static readonly double QualityMin = ((AlertCondition.Value)Alerts.RulesBroken.When).Threshold;

    public TableHealth Health => Fault is { EndedAt: null, Kind: var kind } && !kind.IsTriedAgain() ? TableHealth.Halted
        : Age > Sla ? TableHealth.Late
        : Quality < QualityMin ? TableHealth.Poor
        : Fault is { EndedAt: null } ? TableHealth.Retried
        : TableHealth.Fresh;
}

/// <param name="Lake">Where it is.</param>
/// <param name="ToldAt">When a node last said how fresh the tables are; null: none has.</param>
/// <param name="Tables">Those of which something is wrong first, then by layer and name.</param>
/// <param name="DeadLetters">Rows of each source's dead letters, where there are some.</param>
/// <param name="Failed">Those whose log cannot be read.</param>
public sealed record StatusOfLakeResult(string Lake, DateTimeOffset? ToldAt, IReadOnlyList<TableSummary> Tables, IReadOnlyDictionary<string, long> DeadLetters, IReadOnlyList<FailedTable> Failed)
{
    /// <summary>When the lake was last cared for; null: no node has yet.</summary>
    public LakeMaintenance? Maintained { get; init; }

    /// <summary>A table is not as it is promised: older, or of less quality.</summary>
    public bool IsBreached => Tables.Any(table => table.Health is TableHealth.Late or TableHealth.Poor);

    /// <summary>Why the first of the tables is halted that are; null: none is.</summary>
    public ToldFault? Halt => Tables.FirstOrDefault(table => table.Health == TableHealth.Halted)?.Fault;
}

/// <summary>How a lake is, by the tables' own logs and by what running nodes last wrote beside them: no node need run.</summary>
public static class StatusOfLake
{
    /// <summary>Commits that are looked at for a table's last run: beside runs there are those that put files together.</summary>
    private const int CommitsMax = 20;

    /// <exception cref="PipelineException">The lake cannot be listed, or what nodes wrote cannot be read.</exception>
    public static async Task<StatusOfLakeResult> RunAsync(StatusOfLakeRequest request, Lake lake, TimeProvider time, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        var now = time.GetUtcNow();
        var told = await LakeStatus.TryReadAsync(lake.Store, cancellationToken);
        var (found, qualities, failed) = (new Dictionary<TableId, Snapshot>(), new Dictionary<TableId, double?>(), new List<FailedTable>());
        await foreach (var (id, table, fault) in LakeInventory.FindAsync(lake, tables: null, cancellationToken))
        {
            if (table is null)
            {
                failed.Add(fault!);
                continue;
            }

            found[id] = table.Current;
            if (id.Layer != Layer.Silver || !IsFilled(id)) continue;
            var (run, unread) = await LakeInventory.TryAsync(id, async () => new LastRun(await LastQualityAsync(id, table, cancellationToken)));
            if (unread is null) qualities[id] = run!.Quality;
            else failed.Add(unread);
        }

        var tolds = (told?.Tables ?? []).DistinctBy(table => table.Table).ToDictionary(table => table.Table);
        var tables = found.Keys.Where(IsFilled).Union(tolds.Keys).Except(failed.Select(table => table.Table))
            .Select(table => Summarize(table, found.GetValueOrDefault(table), QuarantineOf(table, found), qualities.GetValueOrDefault(table), tolds.GetValueOrDefault(table), now))
            .OrderBy(table => table.Health).ThenBy(table => table.Table.Layer).ThenBy(table => table.Table, TableId.ByName);
        var letters = found.Where(pair => pair.Key.Name == TableId.DeadLetterName && pair.Value.RowCount > 0).ToDictionary(pair => pair.Key.Source!, pair => pair.Value.RowCount!.Value, StringComparer.Ordinal);
        return new StatusOfLakeResult(lake.Store.Location, told?.At, [.. tables], letters, failed) { Maintained = await LakeMaintenance.TryReadAsync(lake.Store, cancellationToken) };
    }

    private static TableSummary Summarize(TableId table, Snapshot? current, long? quarantine, double? quality, ToldTable? told, DateTimeOffset now)
    {
        var age = now - (told?.ReflectsUntil ?? current?.CommittedAt ?? now);
        return new TableSummary(table, current?.Version, current?.RowCount, quarantine, age > TimeSpan.Zero ? age : TimeSpan.Zero,
            told is null ? new FreshnessOptions().Sla : TimeSpan.FromSeconds(Math.Clamp(told.SlaSeconds, 0, TimeSpan.MaxValue.TotalSeconds / 2)), quality, told?.Fault) { Doubt = told?.Doubt };
    }

    private static async Task<double?> LastQualityAsync(TableId id, DeltaTable table, CancellationToken cancellationToken)
    {
        var looked = 0;
        await foreach (var (version, info) in table.HistoryAsync(cancellationToken))
        {
            if (info?.OperationMetrics?.GetValueOrDefault(RunQuality.Metric) is { } json) return Least(id, version, json);
            if (++looked == CommitsMax) break;
        }

        return null;
    }

    private static double Least(TableId id, long version, string json)
    {
        try
        {
            var quality = RunQuality.FromJson(json);
            return ((double[])[quality.Completeness, quality.Validity, quality.Consistency, quality.Uniqueness, quality.Timeliness]).Min();
        }
        catch (Exception e) when (DataFaults.Are(e))
        {
            throw new PipelineException(FaultKind.Damaged, $"Table {id}", $"its version {version} tells of its run's quality in a way that cannot be read ({DataFaults.Cause(e)})",
                "It is missing here until the table's next run.", e);
        }
    }

    private static long? QuarantineOf(TableId table, Dictionary<TableId, Snapshot> found) =>
        table.Layer == Layer.Silver && found.GetValueOrDefault(TableId.Quarantine(table.Name)) is { } quarantine ? quarantine.RowCount : null;

    /// <summary>Not one that stands beside others: dead letters, quarantines, deletes, figures, what is built to take a table's place.</summary>
    private static bool IsFilled(TableId table) => !table.Name.StartsWith('_') && !table.IsBeingBuilt && !table.Name.EndsWith(TableId.QuarantineSuffix, StringComparison.Ordinal) && !table.Name.EndsWith(TableId.DeletedSuffix, StringComparison.Ordinal);

    /// <param name="Quality">Its least score; null: it has none.</param>
    private sealed record LastRun(double? Quality);
}

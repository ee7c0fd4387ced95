using System.Globalization;
using System.Numerics;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Silver;

namespace Pipeline.Operations.Inspection;

/// <summary>
/// Counts again and again where the rows of source tables are, reading only what is new. Silver and its quarantine count as of the last complete
/// run: what a run is about to do stands in some of its tables and not yet in others.
/// </summary>
/// <param name="tables">Bronze tables, each with the Silver table of its name.</param>
/// <param name="seen">Of somebody who looks at them anyway, <see cref="LookedAt"/> in their order: a table as it was seen last; null: they are looked at here.</param>
public sealed class RowCounter(Lake lake, IReadOnlyList<TableId> tables, Func<TableId, DeltaTable?>? seen = null)
{
    private readonly Dictionary<TableId, DeltaTable> _open = [];
    private readonly HashSet<string> _read = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Table, long Run), RunCount> _runs = [];
    private IReadOnlyDictionary<TableId, RowCount> _arrived = new Dictionary<TableId, RowCount>();

    /// <summary>What has to be looked at to count tables, each turn after the one before: what a run has read was there before it.</summary>
    public static IReadOnlyList<IReadOnlyList<TableId>> LookedAt(IReadOnlyList<TableId> tables) =>
        [[QualityTable.Id], [.. tables.SelectMany(table => (TableId[])[TableId.Silver(table.Name), TableId.Quarantine(table.Name)])], tables];

    /// <summary>Where nobody knows what the sources have sent: what has come is what they sent.</summary>
    public async Task<RowCount> CountAsync(CancellationToken cancellationToken) =>
        (await CountAsync(() => new Dictionary<TableId, long>(), cancellationToken)).Values.Aggregate(RowCount.None, (all, table) => all + table);

    /// <param name="sentOf">What the sources have sent, asked for last: what has arrived was sent before.</param>
    public async Task<IReadOnlyDictionary<TableId, RowCount>> CountAsync(Func<IReadOnlyDictionary<TableId, long>> sentOf, CancellationToken cancellationToken)
    {
        try
        {
            _arrived = await ArrivedAsync(cancellationToken);
        }
        catch (PipelineException) when (!cancellationToken.IsCancellationRequested)
        {
            // All are as they were last seen: only at one moment do they add up. Whoever needs the lake says that it is away.
        }

        ArgumentNullException.ThrowIfNull(sentOf);
        var sent = sentOf();
        // Who goes on counts anew what was sent before, and not more of it than has arrived.
        return tables.ToDictionary(table => table, table =>
        {
            var rows = _arrived.GetValueOrDefault(table, RowCount.None);
            return rows with { Generated = Math.Max(sent.GetValueOrDefault(table), rows.Arrived) };
        });
    }

    private async Task<IReadOnlyDictionary<TableId, RowCount>> ArrivedAsync(CancellationToken cancellationToken)
    {
        var quality = await TryOpenAsync(QualityTable.Id, cancellationToken);
        if (quality is not null) await ReadRunsAsync(quality, cancellationToken);
        var counts = new Dictionary<TableId, RowCount>();
        foreach (var table in tables) counts[table] = await FatesAsync(quality, table, cancellationToken);
        foreach (var table in tables) counts[table] = Arrived(counts[table], (await TryOpenAsync(table, cancellationToken))?.Current);
        return counts;
    }

    /// <param name="fates">Has what runs have read of it as its Bronze.</param>
    private static RowCount Arrived(RowCount fates, Snapshot? bronze)
    {
        var rows = (bronze?.RowCount ?? 0) + (bronze?.Position(RowCounts.Removed) ?? 0);
        return fates with { Bronze = rows, DeadLetters = bronze?.Position(RowCounts.Letters) ?? 0, Unread = rows - fates.Bronze };
    }

    private async Task<RowCount> FatesAsync(DeltaTable? quality, TableId bronze, CancellationToken cancellationToken)
    {
        var id = TableId.Silver(bronze.Name);
        if (quality?.Current.Position(id) is not { } run || await TryOpenAsync(id, cancellationToken) is not { } table) return RowCount.None;
        var silver = await AsOfRunAsync(table, run, cancellationToken);
        var quarantine = await TryOpenAsync(TableId.Quarantine(bronze.Name), cancellationToken);
        var quarantined = quarantine is null ? 0 : (await AsOfRunAsync(quarantine, run, cancellationToken)).RowCount ?? 0;
        var runs = _runs.Where(one => one.Key.Table == id.ToString() && one.Key.Run >= (silver.Position(JobPlanner.FirstRunAppId) ?? 0) && one.Key.Run <= run).Select(one => one.Value).ToList();
        return RowCount.None with
        {
            Bronze = runs.Sum(one => one.Read),
            Silver = silver.RowCount ?? 0,
            Quarantined = quarantined,
            Superseded = runs.Sum(one => one.Superseded),
            Deleted = runs.Sum(one => one.Deleted) + (silver.Position(RowCounts.Removed) ?? 0),
        };
    }

    private static async Task<Snapshot> AsOfRunAsync(DeltaTable table, long run, CancellationToken cancellationToken)
    {
        var snapshot = table.Current;
        while (snapshot.Position(JobPins.RunAppId) > run) snapshot = await table.AtVersionAsync(snapshot.Version - 1, cancellationToken);
        return snapshot;
    }

    /// <summary>Files that were put together hold runs that are known, and say the same of them.</summary>
    private async Task ReadRunsAsync(DeltaTable quality, CancellationToken cancellationToken)
    {
        var snapshot = quality.Current;
        string[] files = [.. snapshot.FilesByPath.Keys.Where(file => !_read.Contains(file))];
        if (files.Length == 0) return;
        using var query = new LakeQuery(cancellationToken);
        foreach (var row in await query.RowsAsync(quality, snapshot, files, "table_name, run, rows_in, superseded + replaced, deleted + coalesce(truncated, 0)", ""))
            _runs[((string)row[0]!, Number(row[1]))] = new RunCount(Number(row[2]), Number(row[3]), Number(row[4]));
        _read.UnionWith(files);
    }

    private async Task<DeltaTable?> TryOpenAsync(TableId id, CancellationToken cancellationToken)
    {
        if (seen is not null) return seen(id);
        if (_open.TryGetValue(id, out var table)) await table.RefreshAsync(cancellationToken);
        else if (await lake.TryOpenAsync(id, cancellationToken) is { } opened) _open[id] = table = opened;
        return table;
    }

    private static long Number(object? value) => value is BigInteger big ? (long)big : Convert.ToInt64(value, CultureInfo.InvariantCulture);

    /// <summary>What a run has read, and what became of rows that it left no trace of in a table.</summary>
    private readonly record struct RunCount(long Read, long Superseded, long Deleted);
}

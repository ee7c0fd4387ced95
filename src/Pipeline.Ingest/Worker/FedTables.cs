using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Delta.Log;

namespace Pipeline.Ingest.Worker;

/// <summary>
/// The tables that a worker's splits feed. Of a split of several tables, one that cannot take its rows, or has to begin anew first, keeps no
/// other: the split is read without it, and the table's own worker says why.
/// </summary>
internal sealed class FedTables(IngestWorkerSetup setup, int worker)
{
    /// <summary>Opens those that are not known.</summary>
    /// <param name="listed">All splits of the worker's table.</param>
    /// <returns>The tables, the worker's splits without those that are left out, and why its own table is one of these.</returns>
    public async ValueTask<(ImmutableDictionary<string, BronzeTable> Tables, ImmutableArray<Split> Mine, Fault? Unfit)> OpenAsync(IReadOnlyList<Split> listed, ImmutableDictionary<string, BronzeTable> known,
        CancellationToken cancellationToken)
    {
        var own = setup.Table.Name;
        var mine = SplitDivision.ShareOf(setup.Bronze, worker, setup.Table.Workers, listed);
        var shared = listed.Where(split => split.Tables.Count > 1).ToList();
        // Whoever reads the split that feeds it, a table's own worker looks after it.
        var names = mine.SelectMany(split => split.Tables).Concat(shared.Count > 0 ? [own] : []).Distinct(StringComparer.Ordinal).Where(name => !known.ContainsKey(name)).ToList();
        var (tables, left, unfit) = (known, new HashSet<string>(StringComparer.Ordinal), (Fault?)null);
        foreach (var name in names)
        {
            try
            {
                tables = tables.Add(name, await BronzeTable.OpenAsync(setup.Lake, IdOf(name), await setup.Source.DescribeAsync(name, cancellationToken), cancellationToken));
            }
            catch (PipelineException e) when (!e.Kind.IsTriedAgain() && shared.Exists(split => split.Tables.Contains(name, StringComparer.Ordinal)))
            {
                left.Add(name);
                if (name == own) unfit = Fault.Of($"Table {setup.Bronze}", e) with { IsOfTable = true };
            }
        }

        // Only where there are snapshots can a table begin anew.
        if (listed.Any(split => split.IsSnapshot))
            left.UnionWith(names.Where(name => name != own && tables.TryGetValue(name, out var table)
                && shared.Exists(split => LeftBehind.Is(table.Delta.Current, split, CurrentOf(tables.Values)) || LeftBehind.IsToBeginFirst(table, split, CurrentOf(tables.Values)))));
        return left.Count == 0 ? (tables, mine, unfit)
            : (tables.RemoveRange(left), [.. mine.Select(split => split with { Tables = [.. split.Tables.Where(name => !left.Contains(name))] }).Where(split => split.Tables.Count > 0)], unfit);
    }

    /// <summary>Whether a version of the worker's own table was left behind; null: it was not.</summary>
    public async ValueTask<Func<Snapshot, bool>?> IsLeftBehindAsync(BronzeTable own, IReadOnlyList<Split> listed, IEnumerable<BronzeTable> opened, CancellationToken cancellationToken)
    {
        if (!listed.Any(split => split.IsSnapshot) || listed.FirstOrDefault(split => LeftBehind.May(own.Delta.Current, split)) is not { } shared) return null;
        // As it is now that the splits are listed: before, it may only not have come so far.
        if (!LeftBehind.May(await own.Delta.RefreshAsync(cancellationToken), shared)) return null;
        var known = opened.ToDictionary(table => table.Id.Name, StringComparer.Ordinal);
        var others = CurrentOf(known.Values).ToList();
        foreach (var name in shared.Tables.Where(name => !known.ContainsKey(name)))
            if (await setup.Lake.TryOpenAsync(IdOf(name), cancellationToken) is { } other) others.Add(other.Current);
        return LeftBehind.Is(own.Delta.Current, shared, others) ? snapshot => LeftBehind.Is(snapshot, shared, others) : null;
    }

    /// <summary>Has a table begin anew behind a position; whether it had to and that is recorded. One that cannot be read at all is left to its own worker.</summary>
    public async ValueTask<bool> TryBeginAnewAsync(TableAnew anew, CancellationToken cancellationToken)
    {
        try
        {
            // Behind it at least, or it would be met again.
            var listed = (await setup.Source.ListSplitsAsync(anew.Table, cancellationToken)).Select(split => split.BeginningAnew is { } end ? split with { BeginningAnew = Math.Max(end, anew.At + 1) } : split).ToList();
            var table = await BronzeTable.OpenAsync(setup.Lake, IdOf(anew.Table), await setup.Source.DescribeAsync(anew.Table, cancellationToken), cancellationToken);
            if (!IsBehind(table.Delta.Current)) return false;
            await Beginnings.RecordAsync(table, listed, setup.Time, cancellationToken, isLeftBehind: IsBehind);
            return true;

            bool IsBehind(Snapshot snapshot) => listed.Exists(split => !split.IsSnapshot && snapshot.Position(split.Id) <= anew.At);
        }
        catch (PipelineException e) when (!e.Kind.IsTriedAgain())
        {
            return false;
        }
    }

    private static IEnumerable<Snapshot> CurrentOf(IEnumerable<BronzeTable> tables) => tables.Select(table => table.Delta.Current);

    private TableId IdOf(string name) => TableId.Bronze(setup.Source.Name, name);
}

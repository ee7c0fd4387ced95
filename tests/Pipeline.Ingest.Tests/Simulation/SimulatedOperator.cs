using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Ingest.DeadLetters;
using RedriveOrder = Pipeline.Ingest.DeadLetters.Redrive;

namespace Pipeline.Ingest.Tests.Simulation;

/// <summary>What people and maintenance do to the tables beside those who write them. Each decides from a version and commits a moment later.</summary>
internal sealed class SimulatedOperator(Simulation simulation)
{
    private static readonly TimeSpan FilesAreKept = TimeSpan.FromSeconds(30);

    /// <summary>Puts what is there into one file.</summary>
    public void Compact(SimulatedTable table)
    {
        var snapshot = table.Current;
        string[] paths = [.. snapshot.FilesByPath.Keys.Order(StringComparer.Ordinal)];
        if (paths.Length < 2) return;
        var rewritten = simulation.WriteFile([.. paths.SelectMany(simulation.RowsOf)]);
        var transaction = new Transaction("OPTIMIZE", Isolation.Rearrange)
        {
            ReadVersion = snapshot.Version,
            Removes = [.. paths.Select(path => new RemoveFile(path, DateTimeOffset.UnixEpoch, DataChange: false))],
            Adds = [FileOf(rewritten, isChange: false)],
        };
        Commit(table, transaction, snapshot, Kind.Compaction);
    }

    /// <summary>Re-drives the letters of one table, as they are decoded now.</summary>
    public void Redrive(SimulatedTable table)
    {
        var snapshot = table.Current;
        var rows = simulation.RowsOf(table.Id);
        var redriven = rows.Where(row => row.IsRedriven && row.History == simulation.History).Select(row => (row.Split, row.Position)).ToHashSet();
        var asRead = rows.Where(row => !row.IsRedriven && row.History == simulation.History).Select(row => (row.Split, row.Position)).ToHashSet();
        var entering = simulation.RowsOf(Simulation.DeadLetters)
            // Those of a source before are of an epoch that the table has left.
            .Where(letter => letter.History == simulation.History && simulation.IsOfNow(snapshot, letter.Split))
            .Where(letter => simulation.SplitOf(letter.Split).TableOf(letter.Position) == table.Id.Name)
            .Where(letter => RedriveBatch.Settled(letter.Position, snapshot.Position(letter.Split), simulation.Mutation != Mutation.RedriveTwice && redriven.Contains((letter.Split, letter.Position))) is null)
            .Where(letter => !SimulatedSplit.IsDead(letter.Position, simulation.OperatorsDecoding) && !asRead.Contains((letter.Split, letter.Position)))
            .Select(letter => letter with { Table = table.Id, IsRedriven = true }).ToList();
        if (entering.Count == 0) return;
        var transaction = new Transaction(RedriveOrder.Operation, Isolation.BlindAppend)
        {
            Adds = [FileOf(simulation.WriteFile(entering), isChange: true)],
            Moves = [RedriveOrder.MoveFrom(snapshot.Position(RedriveOrder.AppId))],
        };
        Commit(table, transaction, snapshot, Kind.Redrive);
    }

    /// <summary>Goes on behind what a split has lost.</summary>
    public void AcceptGap(SimulatedTable table, SimulatedSplit split)
    {
        var snapshot = table.Current;
        if (!simulation.IsOfNow(snapshot, split.Id) || snapshot.Position(split.Id) is not { } position || position >= split.Expired) return;
        var transaction = GapAcceptance.TransactionOf(new SplitGap(split.Id, new PositionRange(position, split.Expired)), snapshot.Histories.EpochOf(split.Id));
        var (end, history) = (split.Expired, simulation.History);
        Commit(table, transaction, snapshot, Kind.GapAccepted, () =>
        {
            for (var lost = position; lost < end && history == simulation.History; lost++) split.GivenUp.Add(lost);
        });
    }

    /// <summary>Removes files that are in no table any more, or never were.</summary>
    public void Vacuum(IReadOnlyCollection<SimulatedTable> tables)
    {
        var used = tables.SelectMany(table => table.Current.FilesByPath.Keys.Concat(table.Replaced.Where(pair => simulation.Time.Now - pair.Value < FilesAreKept).Select(pair => pair.Key))).ToHashSet(StringComparer.Ordinal);
        foreach (var path in simulation.FilesBefore(simulation.Time.Now - FilesAreKept).Where(path => !used.Contains(path)))
            if (simulation.Vacuumed.Add(path)) simulation.Count(Kind.Vacuum);
    }

    private void Commit(SimulatedTable table, Transaction transaction, Snapshot snapshot, Kind kind, Action? onCommitted = null) => simulation.Soon(() =>
    {
        if (table.Commit(transaction, snapshot, simulation.Time.Now) is not CommitResult.Committed) return;
        simulation.Count(kind);
        onCommitted?.Invoke();
    });

    private static AddFile FileOf(string path, bool isChange) => new(path, ImmutableDictionary<string, string?>.Empty, 100, DateTimeOffset.UnixEpoch, isChange, Stats: null);
}

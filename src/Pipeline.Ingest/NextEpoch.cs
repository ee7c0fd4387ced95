using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;

namespace Pipeline.Ingest;

/// <summary>The next epoch of what a table reads, begun by one commit: what any of its splits brings from then on is newer than what they have brought.</summary>
internal static class NextEpoch
{
    /// <summary>Commits of the table's workers that come between.</summary>
    private static readonly RetryPolicy Races = new()
    {
        BackoffMin = TimeSpan.FromMilliseconds(10), BackoffMax = TimeSpan.FromSeconds(1), Jitter = 1, AttemptsMax = 100,
    };

    /// <summary>Of which epoch a version of a table with a history begins the next.</summary>
    public static int NumberOf(Snapshot snapshot) => snapshot.Histories.Newest!.Epoch + 1;

    /// <summary>In the order of which epoch the rows are that a version of a table with a history reads now.</summary>
    public static int OrderOf(Snapshot snapshot) => snapshot.Histories.Newest!.Rows.Order;

    /// <summary>Begins it as nothing but this version of the table allows.</summary>
    /// <param name="splits">All of the history.</param>
    /// <param name="from">
    /// Where those are read from that do not go on where they are; null: from their beginning. Nothing that went with their place goes with another: neither is a note of
    /// it, nor does time go on, or records that are read again would all be of the greatest time that there was, and beat later ones of another split.
    /// </param>
    /// <param name="order">See <see cref="SplitHistory.Order"/>.</param>
    public static Transaction Of(string operation, Snapshot snapshot, IReadOnlyCollection<KeyValuePair<SplitId, SplitHistory>> splits, IReadOnlyDictionary<SplitId, long?> from, int? order = null)
    {
        var epoch = NumberOf(snapshot);
        var placed = splits.Where(split => snapshot.Position(split.Key) is not null).ToList();
        return new Transaction(operation, Isolation.BlindAppend)
        {
            ReadVersion = snapshot.Version,
            Expected = [.. placed.Select(split => (SplitHistory.AppIdOf(split.Key, split.Value.Epoch), snapshot.Position(split.Key)))],
            Moves = [.. splits.Select(split => (split.Key, At: from.TryGetValue(split.Key, out var at) ? at : snapshot.Position(split.Key))).Where(split => split.At is not null).Select(split => new TxnMove(split.Key, epoch, from: null, split.At!.Value))],
            Marks = [.. placed.Where(split => !from.ContainsKey(split.Key)).SelectMany(split => SplitHistory.MarksOf(split.Key, epoch, snapshot.Marks(split.Key)))],
            Properties = splits.ToImmutableDictionary(split => SplitHistory.KeyOf(split.Key), split => (string?)(split.Value with { Epoch = epoch, Order = order }).Write(), StringComparer.Ordinal),
        };
    }

    /// <summary>Commits to a table beside its workers what is decided over its newest version, however often others come first.</summary>
    /// <param name="decide">Null: there is nothing to do any more.</param>
    /// <exception cref="PipelineException">Other writers came first too often, or what <paramref name="decide"/> throws.</exception>
    public static async Task CommitAsync(DeltaTable bronze, TableId table, Func<Snapshot, Transaction?> decide, TimeProvider time, CancellationToken cancellationToken)
    {
        var isDone = await Races.RunAsync(time, async cancel => decide(await bronze.RefreshAsync(cancel)) is not { } transaction || await bronze.CommitAsync(transaction, cancel) is CommitResult.Committed,
            cancellationToken, isAgain: done => !done, isTransient: _ => false);
        if (!isDone) throw new PipelineException(FaultKind.Unreachable, $"Table {table}", $"other writers came first {Races.AttemptsMax} times", "Look for too many writers of this table.");
    }
}

using System.Collections.Immutable;
using System.Globalization;
using Pipeline.Core;
using Pipeline.Delta.Log;

namespace Pipeline.Ingest.Worker;

/// <summary>
/// Records in a table's log which history its splits are read of, in which epoch, and where they begin, before anything is
/// read. From then on a split whose source starts later, a slot that was made anew, has a gap; without the record it would
/// look as if it had never been read.
/// </summary>
internal static class Beginnings
{
    public const string Operation = "BEGIN";

    /// <summary>Splits that are named in the log's own words; all of them are in its properties.</summary>
    private const int NamedMax = 10;

    /// <summary>Other writers of the table, each of which may have moved it meanwhile.</summary>
    private static readonly RetryPolicy Races = new()
    {
        BackoffMin = TimeSpan.FromMilliseconds(10), BackoffMax = TimeSpan.FromSeconds(1), Jitter = 1, AttemptsMax = 100,
    };

    /// <summary>Whether the table holds a position of the split in the history that it was listed with.</summary>
    public static bool IsKnown(BronzeTable table, Split split)
    {
        var snapshot = table.Delta.Current;
        return (snapshot.Histories.Find(split.Id) is not { } history || history.Identity == split.For(table.Id.Name!).Identity) && snapshot.Position(split.Id) is not null;
    }

    /// <summary>
    /// Of those splits that feed the table, whatever they say that it does not know. Any worker may; the first one counts. That another history
    /// begins is for the table's own workers to say: who reads a split of many tables may have listed it long ago.
    /// </summary>
    /// <param name="isOwn">Whether the splits were listed for this table.</param>
    /// <param name="isLeftBehind">Whether a version of the table was left behind by one of them; null: none was.</param>
    /// <exception cref="PipelineException">The log cannot be written.</exception>
    public static async ValueTask RecordAsync(BronzeTable table, IEnumerable<Split> splits, TimeProvider time, CancellationToken cancellationToken, bool isOwn = true, Func<Snapshot, bool>? isLeftBehind = null)
    {
        var listed = splits.Where(split => split.Tables.Contains(table.Id.Name, StringComparer.Ordinal)).Select(split => split.For(table.Id.Name)).ToList();
        if (!isOwn && SplitEpochs.IsAnother(table.Delta.Current.Histories, listed) && SplitEpochs.IsAnother((await table.Delta.RefreshAsync(cancellationToken)).Histories, listed)) return;
        await RecordAsync(table, snapshot => isOwn || !SplitEpochs.IsAnother(snapshot.Histories, listed) ? ToRecord(snapshot, table.Id.Source!, listed, isLeftBehind?.Invoke(snapshot) == true) : null, time, cancellationToken);
    }

    /// <summary>What a version of a table has to be told of its splits; null: it knows everything.</summary>
    /// <param name="listed">All splits of the table.</param>
    internal static Transaction? ToRecord(Snapshot snapshot, string source, IReadOnlyList<Split> listed, bool isLeftBehind = false) =>
        TransactionOf(snapshot, listed, SplitEpochs.Learn(snapshot.Histories, listed, snapshot.Position,
            snapshot.Txns.Keys.Any(appId => appId.StartsWith($"{source}/", StringComparison.Ordinal)), isLeftBehind));

    /// <summary>The same of the table of dead letters.</summary>
    /// <param name="of">The histories of the table that the splits are read for.</param>
    internal static Transaction? ToFollow(Snapshot snapshot, SplitHistories of, IReadOnlyCollection<Split> splits) =>
        TransactionOf(snapshot, [], SplitEpochs.Follow(snapshot.Histories, of, splits));

    /// <summary>The same for the table of dead letters, which follows the table that the splits are read for and has no beginnings.</summary>
    /// <exception cref="PipelineException">The log cannot be written.</exception>
    public static ValueTask FollowAsync(BronzeTable deadLetters, BronzeTable table, IReadOnlyCollection<Split> splits, TimeProvider time, CancellationToken cancellationToken) =>
        RecordAsync(deadLetters, snapshot => ToFollow(snapshot, table.Delta.Current.Histories, splits), time, cancellationToken);

    private static async ValueTask RecordAsync(BronzeTable table, Func<Snapshot, Transaction?> decide, TimeProvider time, CancellationToken cancellationToken)
    {
        if (decide(table.Delta.Current) is null) return;
        var isRecorded = await Races.RunAsync(time, cancel => TryRecordAsync(table, decide, cancel), cancellationToken, isAgain: recorded => !recorded, isTransient: _ => false);
        if (!isRecorded)
            throw new PipelineException(FaultKind.Unreachable, $"Table {table.Id}", $"where its splits begin could not be recorded: other writers came first {Races.AttemptsMax} times",
                "Look for too many writers of this table.");
    }

    /// <returns>Whether the table knows the splits now, by this commit or by another.</returns>
    private static async ValueTask<bool> TryRecordAsync(BronzeTable table, Func<Snapshot, Transaction?> decide, CancellationToken cancellationToken)
    {
        if (decide(await table.Delta.RefreshAsync(cancellationToken)) is not { } transaction) return true;
        KillPoint.Reach(KillPoint.BeforeBeginning);
        return await table.Delta.CommitAsync(transaction, cancellationToken) is CommitResult.Committed;
    }

    /// <summary>Null: the table knows everything.</summary>
    private static Transaction? TransactionOf(Snapshot snapshot, IReadOnlyList<Split> begin, IReadOnlyDictionary<SplitId, SplitHistory> learned)
    {
        var moves = ImmutableArray.CreateBuilder<TxnMove>();
        var marks = ImmutableArray.CreateBuilder<(string AppId, long Value)>();
        var named = new List<(SplitId Split, long At)>();
        foreach (var split in begin)
        {
            var known = snapshot.Histories.Find(split.Id);
            var history = learned.GetValueOrDefault(split.Id) ?? known;
            var epoch = history?.Epoch ?? 0;
            if (snapshot.Position(SplitHistory.AppIdOf(split.Id, epoch)) is not null) continue;
            // One history that goes on in a new epoch goes on where it is, or behind all that its snapshots will have, which are read again.
            var reached = known is not null && known.Identity == history!.Identity && !split.IsSnapshot ? snapshot.Position(split.Id) : null;
            if ((known is null ? split.Beginning : reached is not null && !(split.BeginningAnew > reached) ? reached : split.BeginningAnew ?? split.Beginning) is not { } at) continue;
            moves.Add(new TxnMove(split.Id, epoch, from: null, at));
            // What goes with a place goes with no other; time goes on.
            marks.AddRange(SplitHistory.MarksOf(split.Id, epoch, at == reached ? snapshot.Marks(split.Id) : split.BeginningMarks with { OrderTime = reached is null ? split.BeginningMarks.OrderTime : snapshot.Marks(split.Id).OrderTime }));
            if (split.Tables.Count > 1 && at != reached) marks.Add((SplitHistory.BeginIdOf(split.Id, epoch), at));
            named.Add((split.Id, at));
        }

        if (learned.Count == 0 && moves.Count == 0) return null;
        var parameters = ImmutableDictionary<string, string>.Empty;
        if (named.Count > 0) parameters = parameters.Add("split", Text(named, pair => pair.Split.ToString())).Add("at", Text(named, pair => pair.At.ToString(CultureInfo.InvariantCulture)));
        if (learned.Count > 0) parameters = parameters.Add("epoch", learned.Values.Max(history => history.Epoch).ToString(CultureInfo.InvariantCulture));
        return new Transaction(Operation, Isolation.BlindAppend)
        {
            // The number of an epoch is of this version: it yields to every other that has changed the properties since.
            ReadVersion = snapshot.Version,
            Moves = moves.ToImmutable(),
            Marks = marks.ToImmutable(),
            Counts = [new TxnCount(RowCounts.Added, 0)],
            Properties = learned.ToImmutableDictionary(pair => SplitHistory.KeyOf(pair.Key), pair => (string?)pair.Value.Write()),
            Parameters = parameters,
        };
    }

    private static string Text(List<(SplitId Split, long At)> named, Func<(SplitId Split, long At), string> of) =>
        string.Join(", ", named.Take(NamedMax).Select(of)) + (named.Count > NamedMax ? $", … ({named.Count})" : "");
}

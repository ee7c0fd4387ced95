using System.Collections.Immutable;
using System.Globalization;
using Pipeline.Core;
using Pipeline.Delta.Log;

namespace Pipeline.Ingest.Worker;

/// <summary>
/// Records in a table's log where splits begin, before anything is read. From then on a split whose source starts later, a
/// slot that was made anew, has a gap; without the record it would look as if it had never been read.
/// </summary>
internal static class Beginnings
{
    public const string Operation = "BEGIN";

    /// <summary>Other writers of the table, each of which may have moved it meanwhile.</summary>
    private static readonly RetryPolicy Races = new()
    {
        BackoffMin = TimeSpan.FromMilliseconds(10), BackoffMax = TimeSpan.FromSeconds(1), Jitter = 1, AttemptsMax = 100,
    };

    /// <summary>Of those splits that feed the table, say where they begin, and are not known to it. Any worker may; the first one counts.</summary>
    /// <exception cref="PipelineException">The log cannot be written.</exception>
    public static async ValueTask RecordAsync(BronzeTable table, IEnumerable<Split> splits, TimeProvider time, CancellationToken cancellationToken)
    {
        foreach (var split in splits.Where(split => split.Tables.Contains(table.Id.Name, StringComparer.Ordinal)))
        {
            if (split.Beginning is not { } beginning || table.Delta.Current.Position(split.Id) is not null) continue;
            var isRecorded = await Races.RunAsync(time, cancel => TryRecordAsync(table, split.Id, beginning, cancel), cancellationToken, isAgain: recorded => !recorded, isTransient: _ => false);
            if (!isRecorded)
                throw new PipelineException(FaultKind.Unreachable, $"Table {table.Id}", $"where split {split.Id} begins could not be recorded: other writers came first {Races.AttemptsMax} times",
                    "Look for too many writers of this table.");
        }
    }

    /// <returns>Whether the table knows the split now, by this commit or by another.</returns>
    private static async ValueTask<bool> TryRecordAsync(BronzeTable table, SplitId split, long beginning, CancellationToken cancellationToken)
    {
        KillPoint.Reach(KillPoint.BeforeBeginning);
        await table.Delta.CommitAsync(new Transaction(Operation, Isolation.BlindAppend)
        {
            Moves = [new TxnMove(split, from: null, beginning)],
            Parameters = ImmutableDictionary<string, string>.Empty.Add("split", split.ToString()).Add("at", beginning.ToString(CultureInfo.InvariantCulture)),
        }, cancellationToken);
        return table.Delta.Current.Position(split) is not null;
    }
}

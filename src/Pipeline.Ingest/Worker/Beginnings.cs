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

    /// <summary>Of those splits that feed the table, say where they begin, and are not known to it. Any worker may; the first one counts.</summary>
    public static async ValueTask RecordAsync(BronzeTable table, IEnumerable<Split> splits, CancellationToken cancellationToken)
    {
        foreach (var split in splits.Where(split => split.Tables.Contains(table.Id.Name, StringComparer.Ordinal)))
        {
            if (split.Beginning is not { } beginning) continue;
            while (table.Delta.Current.Position(split.Id) is null)
            {
                KillPoint.Reach(KillPoint.BeforeBeginning);
                await table.Delta.CommitAsync(new Transaction(Operation, Isolation.BlindAppend)
                {
                    Moves = [new TxnMove(split.Id, from: null, beginning)],
                    Parameters = ImmutableDictionary<string, string>.Empty.Add("split", split.Id.ToString()).Add("at", beginning.ToString(CultureInfo.InvariantCulture)),
                }, cancellationToken);
            }
        }
    }
}

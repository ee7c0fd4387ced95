using System.Collections.Immutable;
using System.Globalization;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;

namespace Pipeline.Ingest;

/// <summary>
/// An operator's decision to go on behind records that are lost: moves the splits in the table's log, where the decision
/// stays on record as the operation <see cref="Operation"/>.
/// </summary>
/// <remarks>
/// Safe beside a running pipeline: a split that moved meanwhile is left alone. A worker that halted for the gap goes on
/// when it is resumed or started again.
/// </remarks>
public static class GapAcceptance
{
    public const string Operation = "ACCEPT GAP";

    /// <summary>The gaps in front of where the table stands.</summary>
    public static async ValueTask<IReadOnlyList<SplitGap>> FindAsync(Lake lake, IGapSource source, TableId table, CancellationToken cancellationToken)
    {
        if (await lake.TryOpenAsync(table, cancellationToken) is not { } bronze) return [];
        var splits = await source.ListSplitsAsync(table.Name, cancellationToken);
        return await source.FindGapsAsync([.. splits.Select(split => new SplitPosition(split.Id, bronze.Current.Position(split.Id)))], cancellationToken);
    }

    /// <summary>Moves each split to its gap's end, each in a commit of its own.</summary>
    /// <param name="gaps">As <see cref="FindAsync"/> found them.</param>
    /// <exception cref="PipelineException">A split has moved since; those before it in the list are accepted.</exception>
    public static async Task AcceptAsync(Lake lake, TableId table, IReadOnlyList<SplitGap> gaps, CancellationToken cancellationToken)
    {
        var bronze = await lake.TryOpenAsync(table, cancellationToken)
            ?? throw new PipelineException(FaultKind.Missing, $"Table {table}", "it does not exist", "There is nothing to accept for it.");
        foreach (var gap in gaps)
        {
            if (await bronze.CommitAsync(TransactionOf(gap, bronze.Current.Histories.EpochOf(gap.Split)), cancellationToken) is not CommitResult.Committed)
                throw new PipelineException(FaultKind.Invalid, $"Table {table}, split {gap.Split}", "it has moved since the gap was looked at", "Look again.");
        }
    }

    /// <param name="epoch">In which the table reads the split.</param>
    internal static Transaction TransactionOf(SplitGap gap, int epoch) => new(Operation, Isolation.BlindAppend)
    {
        Moves = [new TxnMove(gap.Split, epoch, gap.Range.From, gap.Range.To)],
        Counts = [new TxnCount(RowCounts.GivenUp, gap.Range.To - gap.Range.From)],
        Parameters = ImmutableDictionary<string, string>.Empty
            .Add("split", gap.Split.ToString())
            .Add("from", gap.Range.From.ToString(CultureInfo.InvariantCulture))
            .Add("to", gap.Range.To.ToString(CultureInfo.InvariantCulture)),
    };
}

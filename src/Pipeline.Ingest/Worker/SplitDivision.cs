using System.Collections.Immutable;
using Pipeline.Core;

namespace Pipeline.Ingest.Worker;

/// <summary>Which of a table's workers reads a split: the same answer on every node.</summary>
public static class SplitDivision
{
    /// <summary>
    /// The share of worker <paramref name="worker"/> (from zero) of <paramref name="workers"/>. A split that feeds several
    /// tables belongs to the first of them.
    /// </summary>
    public static ImmutableArray<Split> ShareOf(TableId table, int worker, int workers, IEnumerable<Split> splits) =>
    [
        .. splits.Where(split => split.Tables[0] == table.Name)
            // Numbered names in the order of their numbers: partitions that are added later move none of the others.
            .OrderBy(split => split.Id.Name.Length).ThenBy(split => split.Id.Name, StringComparer.Ordinal)
            .Where((_, index) => index % workers == worker),
    ];
}

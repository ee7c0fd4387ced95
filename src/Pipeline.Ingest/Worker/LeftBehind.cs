using Pipeline.Core;
using Pipeline.Delta.Log;

namespace Pipeline.Ingest.Worker;

/// <summary>
/// A split of several tables goes on without one that cannot take its rows. When that one can again, what it has missed lies behind where
/// the split begins, while another table of it has read up to there. A split that was moved on by somebody else, or was lost and made again,
/// has left all of them behind, and is a gap: also where a table has begun anew behind it.
/// </summary>
internal static class LeftBehind
{
    /// <summary>Whether the table stands before the split's beginning: then the others decide.</summary>
    public static bool May(Snapshot table, Split split) => split.Tables.Count > 1 && split.Beginning is { } beginning && table.Position(split.Id) < beginning;

    /// <param name="others">Of the split's other tables.</param>
    public static bool Is(Snapshot table, Split split, IEnumerable<Snapshot> others) => May(table, split) && others.Any(other => HasRead(other, split));

    /// <summary>Whether it begins another history first, which its own worker does, while others are further already.</summary>
    /// <param name="others">Of the split's other tables.</param>
    public static bool IsToBeginFirst(BronzeTable table, Split split, IEnumerable<Snapshot> others) => May(table.Delta.Current, split)
        && SplitEpochs.IsAnother(table.Delta.Current.Histories, [split.For(table.Id.Name)]) && others.Any(other => other.Position(split.Id) >= split.Beginning);

    /// <summary>In any epoch, and not by having begun there.</summary>
    private static bool HasRead(Snapshot other, Split split) => Enumerable.Range(0, other.Histories.EpochOf(split.Id) + 1)
        .Any(epoch => other.Position(SplitHistory.AppIdOf(split.Id, epoch)) >= split.Beginning && !(other.Position(SplitHistory.BeginIdOf(split.Id, epoch)) >= split.Beginning));
}

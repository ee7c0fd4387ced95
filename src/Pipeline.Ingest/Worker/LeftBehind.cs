using Pipeline.Core;
using Pipeline.Delta.Log;

namespace Pipeline.Ingest.Worker;

/// <summary>
/// A split of several tables goes on without one that cannot take its rows. When that one can again, what it has missed lies behind where
/// the split begins, while another table of it has come there. A split that was moved on by somebody else has left all of them behind, and
/// is a gap.
/// </summary>
internal static class LeftBehind
{
    /// <summary>Whether the table stands before the split's beginning: then the others decide.</summary>
    public static bool May(Snapshot table, Split split) => split.Tables.Count > 1 && split.Beginning is { } beginning && table.Position(split.Id) < beginning;

    /// <param name="others">Of the split's other tables.</param>
    public static bool Is(Snapshot table, Split split, IEnumerable<Snapshot> others) => May(table, split) && others.Any(other => other.Position(split.Id) >= split.Beginning);
}
